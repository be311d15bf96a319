//! Character devices: serial lines (USB adapters and pseudo-terminals among them) and hidraw.
//!
//! A serial line is made raw, 8N1, and ours alone (`TIOCEXCL`); both kinds are locked (`flock`) against programs of our own
//! kind. A hidraw device takes and gives reports of eight bytes, filled up with zeros.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::termios::{
    ControlModes, OptionalActions, QueueSelector, ioctl_tiocexcl, isatty, tcflush, tcgetattr, tcsetattr,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};

/// Bytes of a USB report, both ways (Cypress bridge 0665:5161).
const REPORT: usize = 8;

/// An open device. To the runtime its two directions are the two ends of a pipe: files that say when they are ready.
#[derive(Debug)]
pub(crate) struct DeviceFile {
    incoming: Receiver,
    outgoing: Sender,
    has_reports: bool,
}

impl DeviceFile {
    pub(crate) fn open(path: &Path, baud: u32) -> io::Result<DeviceFile> {
        // A line without a carrier must not hold us up, nor become our terminal.
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        let flags = i32::try_from(flags).map_err(io::Error::other)?;
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
        let has_reports = !isatty(&file);
        if !has_reports {
            set_up_line(&file, baud)?;
        }
        Ok(DeviceFile {
            outgoing: Sender::from_file_unchecked(file.try_clone()?)?,
            incoming: Receiver::from_file_unchecked(file)?,
            has_reports,
        })
    }

    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.incoming.read(buffer).await
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.has_reports {
            return self.outgoing.write_all(bytes).await;
        }
        for piece in bytes.chunks(REPORT) {
            let mut report = [0; REPORT];
            report.iter_mut().zip(piece).for_each(|(slot, byte)| *slot = *byte);
            self.outgoing.write_all(&report).await?;
        }
        Ok(())
    }
}

fn set_up_line(file: &File, baud: u32) -> io::Result<()> {
    ioctl_tiocexcl(file)?;
    let mut line = tcgetattr(file)?;
    line.make_raw();
    line.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
    line.control_modes -= ControlModes::CSTOPB | ControlModes::CRTSCTS;
    line.set_speed(baud)?;
    tcsetattr(file, OptionalActions::Now, &line)?;
    Ok(tcflush(file, QueueSelector::IOFlush)?)
}
