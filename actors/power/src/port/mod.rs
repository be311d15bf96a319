//! Ports: where the bytes of a device come from. Two functions, read and write; everything else is the protocol's affair.
//!
//! Owns: the open device or connection, closed when dropped. Fails with: an [`io::Error`] that says which port and why; the
//! device's actor takes that for a lost device and opens the port again by its name.

mod device;
mod line;

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use device::DeviceFile;
pub(crate) use line::{Line, Rank, Turn, Wire};

/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long a port may take to accept a request.
const WRITE_LIMIT: Duration = Duration::from_secs(2);
/// Most reads that throw away what is old.
const DISCARD_READS: usize = 16;
/// What a connection to a serial server begins with.
const TCP: &str = "tcp://";

/// Where a port is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A serial line or a hidraw device, by its path; a link is followed anew at each attempt.
    Device(PathBuf),
    /// A serial server that hands bytes on as they are.
    Tcp(String),
}

/// A text that names no port.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("must be the path of a device, as /dev/serial/by-id/…, or tcp://HOST:PORT, not {0:?}")]
pub(crate) struct NoAddress(String);

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Address, NoAddress> {
        let refused = || NoAddress(text.to_owned());
        if let Some(host) = text.strip_prefix(TCP) {
            let (name, port) = host.rsplit_once(':').ok_or_else(refused)?;
            let fits =
                !name.is_empty() && !host.contains(['/', ' ', '\0']) && port.parse::<u16>().is_ok_and(|port| port > 0);
            return fits.then(|| Address::Tcp(host.to_owned())).ok_or_else(refused);
        }
        let fits = text.starts_with('/') && !text.contains('\0');
        fits.then(|| Address::Device(PathBuf::from(text))).ok_or_else(refused)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Device(path) => path.display().fmt(f),
            Address::Tcp(host) => write!(f, "{TCP}{host}"),
        }
    }
}

/// An open port.
#[derive(Debug)]
pub(crate) enum Port {
    Device(DeviceFile),
    Tcp(TcpStream),
}

impl Port {
    /// Opens it for us alone.
    pub(crate) async fn open(address: &Address, baud: u32) -> io::Result<Port> {
        match address {
            Address::Device(path) => Ok(Port::Device(DeviceFile::open(path, baud)?)),
            Address::Tcp(host) => {
                let connecting = timeout(CONNECT_LIMIT, TcpStream::connect(host)).await;
                let stream =
                    connecting.map_err(|_| io::Error::new(ErrorKind::TimedOut, "no connection within 3 s"))??;
                stream.set_nodelay(true)?;
                Ok(Port::Tcp(stream))
            }
        }
    }

    /// Waits for bytes. An end of the stream is an error: devices do not end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self {
            Port::Device(file) => file.read(buffer).await?,
            Port::Tcp(stream) => stream.read(buffer).await?,
        };
        if read == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the port was closed"));
        }
        Ok(read)
    }

    /// Writes a whole request.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let writing = async {
            match self {
                Port::Device(file) => file.write(bytes).await,
                Port::Tcp(stream) => stream.write_all(bytes).await,
            }
        };
        let written = timeout(WRITE_LIMIT, writing).await;
        written.unwrap_or_else(|_| Err(io::Error::new(ErrorKind::TimedOut, "the port takes no bytes")))
    }

    /// Takes out what came before anybody asked.
    pub(crate) async fn discard(&mut self, scratch: &mut [u8]) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_a_path_or_a_host_with_a_port() {
        for good in [
            "/dev/hidraw0",
            "/dev/serial/by-id/usb-0665",
            "tcp://10.0.0.9:2217",
            "tcp://[::1]:23",
        ] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "ttyUSB0",
            "tcp://",
            "tcp://host",
            "tcp://host:0",
            "tcp://:23",
            "tcp://host:99999",
            "tcp://a/b:1",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
