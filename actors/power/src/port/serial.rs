//! Serial lines, USB adapters and pseudo-terminals among them: raw, 8N1, and ours alone.
//!
//! The library takes the line for this process (`TIOCEXCL`) and locks it (`flock`) against programs of our own kind.

use std::io::{self, ErrorKind};
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_serial::{
    ClearBuffer, DataBits, FlowControl, Parity, SerialPort, SerialPortBuilderExt, SerialStream, StopBits,
};

/// What the library says where another program has the lock.
const LOCKED: &str = "exclusive lock";

/// An open line.
#[derive(Debug)]
pub(crate) struct Serial(SerialStream);

impl Serial {
    pub(crate) fn open(path: &Path, baud: u32) -> io::Result<Serial> {
        let path = path.to_str();
        let path = path.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "has a name that is no text"))?;
        let line = tokio_serial::new(path, baud)
            .data_bits(DataBits::Eight)
            .parity(Parity::None)
            .stop_bits(StopBits::One)
            .flow_control(FlowControl::None)
            .open_native_async()
            .map_err(|error| named(error.into()))?;
        line.clear(ClearBuffer::All)?;
        Ok(Serial(line))
    }

    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }
}

/// The library has no kind for a line that is taken.
fn named(error: io::Error) -> io::Error {
    let is_taken = error.kind() == ErrorKind::ResourceBusy || error.to_string().contains(LOCKED);
    if is_taken {
        return io::Error::new(ErrorKind::ResourceBusy, "another program uses it");
    }
    error
}
