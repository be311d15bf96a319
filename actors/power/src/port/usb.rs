//! Finds the device file of a USB device by what the device says that it is, as sysfs tells it. Numbers change when a
//! device is plugged in again, this does not.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::address::UsbId;

/// Where the system tells of its devices.
pub(super) const SYSFS: &str = "/sys";
/// The classes of devices that can be ports.
const CLASSES: [&str; 2] = ["hidraw", "tty"];
/// Levels between a device file and the USB device that it belongs to; there are four to six.
const LEVELS: usize = 10;

/// The path of the device file, `sysfs` being where the system tells of its devices.
///
/// # Errors
/// When there is none, or several between which only a serial number could decide.
pub(super) fn find(sysfs: &Path, id: &UsbId) -> io::Result<PathBuf> {
    let names = |class: &&str| fs::read_dir(sysfs.join("class").join(class));
    let found = CLASSES.iter().filter_map(|class| names(class).ok()).flatten().flatten();
    let mut found: Vec<_> = found.filter(|entry| is_it(&entry.path(), id)).collect();
    found.sort_by_key(fs::DirEntry::file_name);
    match found.as_slice() {
        [] => Err(io::Error::new(ErrorKind::NotFound, "no such USB device is plugged in")),
        [one] => Ok(Path::new("/dev").join(one.file_name())),
        [..] => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "several such USB devices are plugged in: add the serial number, or name the port by its path",
        )),
    }
}

/// Whether a device file belongs to this USB device: the nearest above it that says what it is.
fn is_it(class_entry: &Path, id: &UsbId) -> bool {
    let Ok(device) = fs::canonicalize(class_entry.join("device")) else {
        return false;
    };
    let said = |directory: &Path, name: &str| {
        let text = fs::read_to_string(directory.join(name)).ok()?;
        Some(text.trim().to_owned())
    };
    let number = |directory: &Path, name: &str| u16::from_str_radix(&said(directory, name)?, 16).ok();
    let mut above = device.ancestors().take(LEVELS);
    let Some(usb) = above.find(|directory| directory.join("idVendor").exists()) else {
        return false;
    };
    number(usb, "idVendor") == Some(id.vendor)
        && number(usb, "idProduct") == Some(id.product)
        && (id.serial.is_none() || id.serial == said(usb, "serial"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Plugs a device into a tree of its own, as the kernel lays it out.
    fn plug(root: &Path, socket: &str, serial: &str, class: &str, name: &str) {
        let usb = root.join("devices/pci0000:00/usb1").join(socket);
        let own = usb.join(format!("{socket}:1.0/0003:0665:5161.0001"));
        fs::create_dir_all(&own).unwrap();
        for (file, text) in [("idVendor", "0665\n"), ("idProduct", "5161\n"), ("serial", serial)] {
            fs::write(usb.join(file), text).unwrap();
        }
        let entry = root.join("class").join(class).join(name);
        fs::create_dir_all(&entry).unwrap();
        symlink(own, entry.join("device")).unwrap();
    }

    fn id(serial: Option<&str>) -> UsbId {
        UsbId {
            vendor: 0x0665,
            product: 0x5161,
            serial: serial.map(str::to_owned),
        }
    }

    #[test]
    fn usb_device_is_found_under_its_new_number() {
        let root = tempfile::tempdir().unwrap();
        plug(root.path(), "1-1", "", "hidraw", "hidraw0");
        assert_eq!(find(root.path(), &id(None)).unwrap(), Path::new("/dev/hidraw0"));
        fs::remove_dir_all(root.path().join("class/hidraw/hidraw0")).unwrap();
        assert_eq!(find(root.path(), &id(None)).unwrap_err().kind(), ErrorKind::NotFound);
        plug(root.path(), "1-2", "", "hidraw", "hidraw3");
        assert_eq!(find(root.path(), &id(None)).unwrap(), Path::new("/dev/hidraw3"));
    }

    #[test]
    fn two_of_a_kind_are_told_apart_by_their_serial_numbers() {
        let root = tempfile::tempdir().unwrap();
        plug(root.path(), "1-1", "A1\n", "tty", "ttyUSB0");
        plug(root.path(), "1-2", "B2\n", "tty", "ttyUSB1");
        assert_eq!(
            find(root.path(), &id(None)).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        assert_eq!(find(root.path(), &id(Some("B2"))).unwrap(), Path::new("/dev/ttyUSB1"));
        let other = UsbId {
            product: 0x0001,
            ..id(None)
        };
        assert!(find(root.path(), &other).is_err());
    }
}
