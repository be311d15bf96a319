//! Ports: where the bytes of a device come from. Two functions, read and write; everything else is the protocol's affair.
//!
//! Owns: the open device or connection, closed when dropped. Fails with: an [`io::Error`] that says which port and why; the
//! device's actor takes that for a lost device and opens the port again by its name.

mod address;
mod ble;
mod hidraw;
mod line;
mod mqtt;
mod net;
mod rfc2217;
mod serial;
mod usb;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) use address::{Address, NoAddress};
use ble::Ble;
use hidraw::Hidraw;
pub(crate) use line::{Line, Rank, Turn, Wire};
use mqtt::Messages;
use net::Datagrams;
use rfc2217::Rfc2217;
use serial::Serial;

/// How long a port may take to accept a request.
const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// Most reads that throw away what is old.
const DISCARD_READS: usize = 16;
/// What the kernel calls devices that speak in reports.
const HIDRAW: &str = "hidraw";

/// An open port.
#[derive(Debug)]
pub(crate) enum Port {
    Serial(Serial),
    Hidraw(Hidraw),
    Tcp(TcpStream),
    Udp(Datagrams),
    Rfc2217(Box<Rfc2217>),
    Mqtt(Box<Messages>),
    Ble(Box<Ble>),
}

impl Port {
    /// Opens it for us alone.
    pub(crate) async fn open(address: &Address, baud: u32) -> io::Result<Port> {
        match address {
            Address::Device(path) => open_device(path, baud),
            Address::Usb(id) => open_device(&usb::find(Path::new(usb::SYSFS), id)?, baud),
            Address::Tcp(host) => net::connect(host).await.map(Port::Tcp),
            Address::Udp(host) => Datagrams::open(host).await.map(Port::Udp),
            Address::Rfc2217(host) => Rfc2217::open(host, baud).await.map(Box::new).map(Port::Rfc2217),
            Address::Mqtt { broker, name } => Messages::open(broker, name).await.map(Box::new).map(Port::Mqtt),
            Address::Ble(address) => Ble::open(*address).await.map(Box::new).map(Port::Ble),
        }
    }

    /// Waits for bytes. An end of the stream is an error: devices do not end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self {
            Port::Serial(line) => line.read(buffer).await?,
            Port::Hidraw(file) => file.read(buffer).await?,
            Port::Tcp(stream) => stream.read(buffer).await?,
            Port::Udp(datagrams) => datagrams.read(buffer).await?,
            Port::Rfc2217(line) => line.read(buffer).await?,
            Port::Mqtt(messages) => messages.read(buffer).await?,
            Port::Ble(device) => device.read(buffer).await?,
        };
        if read == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the port was closed"));
        }
        Ok(read)
    }

    /// Writes a whole request; `code` is the command in words, for ports that carry more than bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8], code: &str) -> io::Result<()> {
        let writing = async {
            match self {
                Port::Serial(line) => line.write(bytes).await,
                Port::Hidraw(file) => file.write(bytes).await,
                Port::Tcp(stream) => stream.write_all(bytes).await,
                Port::Udp(datagrams) => datagrams.write(bytes).await,
                Port::Rfc2217(line) => line.write(bytes).await,
                Port::Mqtt(messages) => messages.write(bytes, code),
                Port::Ble(device) => device.write(bytes).await,
            }
        };
        let written = timeout(WRITE_LIMIT, writing).await;
        written.unwrap_or_else(|_| Err(io::Error::new(ErrorKind::TimedOut, "the port takes no bytes")))
    }

    /// Takes out what came before anybody asked.
    pub(crate) async fn discard(&mut self, scratch: &mut [u8]) -> io::Result<()> {
        if let Port::Ble(device) = self {
            return device.discard();
        }
        // Bounded: who talks without a pause is not waited for.
        for _ in 0..DISCARD_READS {
            tokio::select! {
                biased;
                read = self.read(scratch) => { read?; }
                () = std::future::ready(()) => return Ok(()),
            }
        }
        Ok(())
    }
}

/// A serial line or a device with reports: what it is says its name, once the links that lead to it are followed.
fn open_device(path: &Path, baud: u32) -> io::Result<Port> {
    let path = std::fs::canonicalize(path)?;
    let name = path.file_name().unwrap_or_default();
    if name.to_string_lossy().starts_with(HIDRAW) {
        return Hidraw::open(&path).map(Port::Hidraw);
    }
    Serial::open(&path, baud).map(Port::Serial)
}

/// Fills a buffer with what was kept.
fn take_from(kept: &mut VecDeque<u8>, buffer: &mut [u8]) -> usize {
    let len = kept.len().min(buffer.len());
    buffer
        .iter_mut()
        .zip(kept.drain(..len))
        .for_each(|(slot, byte)| *slot = byte);
    len
}
