//! The station's secret: random bytes in a file beside the journal, made at the first start and never shown.
//!
//! It keys what proves that this station wrote something. Whoever has the journal without it can read, and forge nothing.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom, SystemRandom};

/// Length of the secret, in bytes.
const SECRET_BYTES: usize = 32;

/// Nobody but the service's own user reads it.
const OWNER_ONLY: u32 = 0o600;

/// The secret. Not to be printed.
#[derive(Clone)]
pub(crate) struct Secret([u8; SECRET_BYTES]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// The bytes, to key with.
    pub(crate) fn bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }
}

/// Where the secret of a journal is.
pub(crate) fn beside(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push(".key");
    path.into()
}

/// Reads the secret.
///
/// # Errors
/// When there is none, or the file is none.
pub(crate) fn load(path: &Path) -> io::Result<Secret> {
    let bytes = fs::read(path)?;
    let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, format!("a secret has {SECRET_BYTES} bytes"));
    Ok(Secret(<[u8; SECRET_BYTES]>::try_from(bytes).map_err(wrong)?))
}

/// Reads the secret, or makes one. A file that is there and is no secret is left alone: what was sealed with it would be
/// lost.
///
/// # Errors
/// When it can be neither read nor made.
pub(crate) fn load_or_create(path: &Path) -> io::Result<Secret> {
    match load(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        loaded => loaded,
    }
}

/// Under its name only once it is whole and on the disk: a power cut leaves no half of a secret.
fn create(path: &Path) -> io::Result<Secret> {
    let mut bytes = [0; SECRET_BYTES];
    let random = SystemRandom::new().fill(&mut bytes);
    random.map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(OWNER_ONLY)
        .open(&draft)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        File::open(directory)?.sync_all()?;
    }
    Ok(Secret(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secret_is_made_once_for_its_owner_only_and_never_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = beside(&directory.path().join("journal.db"));
        let made = load_or_create(&path).unwrap();
        assert_eq!(load_or_create(&path).unwrap().bytes(), made.bytes());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
        assert_eq!(format!("{made:?}"), "Secret");
    }

    #[test]
    fn file_that_is_no_secret_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db.key");
        fs::write(&path, "short").unwrap();
        assert!(load_or_create(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }
}
