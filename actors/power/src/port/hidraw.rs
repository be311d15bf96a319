//! USB devices that speak in reports of eight bytes, filled up with zeros (Cypress bridge 0665:5161).
//!
//! A plain file that says when it is ready, locked (`flock`) against programs of our own kind.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};

/// Bytes of a report, both ways.
const REPORT: usize = 8;

/// An open device. To the runtime its two directions are the two ends of a pipe.
#[derive(Debug)]
pub(crate) struct Hidraw {
    incoming: Receiver,
    outgoing: Sender,
}

impl Hidraw {
    pub(crate) fn open(path: &Path) -> io::Result<Hidraw> {
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags)
            .open(path)?;
        if !file.metadata()?.file_type().is_char_device() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "is no device"));
        }
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::new(ErrorKind::ResourceBusy, "another program uses it"))?;
        Hidraw::over(file)
    }

    fn over(file: File) -> io::Result<Hidraw> {
        Ok(Hidraw {
            outgoing: Sender::from_file_unchecked(file.try_clone()?)?,
            incoming: Receiver::from_file_unchecked(file)?,
        })
    }

    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.incoming.read(buffer).await
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(REPORT) {
            let mut report = [0; REPORT];
            report.iter_mut().zip(piece).for_each(|(slot, byte)| *slot = *byte);
            self.outgoing.write_all(&report).await?;
        }
        Ok(())
    }
}
