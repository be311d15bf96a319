//! The station's secret: 32 random bytes in a file beside the journal, made at the first start, for its owner's eyes only.
//!
//! It keys every hash that proves something: of API keys and session tokens, of the audit chain, of execution tokens. Each
//! purpose gets a key of its own, so that a hash made for one proves nothing to another. A journal without its secret (a backup
//! restored alone) still has its people and their passwords; keys and sessions have to be made anew.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// Length of the secret, in bytes: the block that HMAC-SHA256 cannot be attacked below.
const SECRET_BYTES: usize = 32;

/// Read and write for the owner, nothing for anybody else.
const OWNER_ONLY: u32 = 0o600;

/// The station's secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret([u8; SECRET_BYTES]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The secret beside this journal: read, or made if there is none.
    ///
    /// # Errors
    /// When the file cannot be read or made, or is no secret.
    pub(crate) fn beside(journal: &Path) -> io::Result<Secret> {
        let path = path(journal);
        match File::open(&path) {
            Ok(file) => Secret::read(&path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Secret::make(&path),
            Err(error) => Err(error),
        }
    }

    /// The secret in this file, which somebody names who only wants to check.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(crate) fn load(path: &Path) -> io::Result<Secret> {
        Secret::read(path, File::open(path)?)
    }

    /// The bytes, to seal with.
    pub(crate) fn bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    fn read(path: &Path, file: File) -> io::Result<Secret> {
        let mode = file.metadata()?.permissions().mode();
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "others could read the station's secret; closed to them now");
            fs::set_permissions(path, fs::Permissions::from_mode(OWNER_ONLY))?;
        }
        let mut bytes = Vec::new();
        file.take(1024).read_to_end(&mut bytes)?;
        let secret = <[u8; SECRET_BYTES]>::try_from(bytes.as_slice());
        secret
            .map(Secret)
            .map_err(|_| io::Error::other(format!("must have {SECRET_BYTES} bytes, not {}", bytes.len())))
    }

    /// Written whole under another name first: a power cut leaves a secret or none.
    fn make(path: &Path) -> io::Result<Secret> {
        let secret = Secret(random()?);
        let draft = path.with_added_extension("new");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(OWNER_ONLY)
            .open(&draft)?;
        file.write_all(&secret.0)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        Ok(secret)
    }

    /// A key for one purpose.
    pub(crate) fn key(&self, purpose: &str) -> hmac::Key {
        let root = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, purpose.as_bytes()).as_ref())
    }
}

/// Where the secret of this journal is.
pub(crate) fn path(journal: &Path) -> PathBuf {
    journal.with_added_extension("key")
}

/// Bytes that nobody can guess.
///
/// # Errors
/// When the operating system has none to give.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the operating system gives no random numbers"))?;
    Ok(bytes)
}

/// Bytes as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_made_once_and_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("station.db");
        let made = Secret::beside(&journal).unwrap();
        let file = directory.path().join("station.db.key");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
        assert!(Secret::beside(&journal).unwrap() == made);
        let other = Secret::beside(&directory.path().join("other.db")).unwrap();
        assert!(made != other);
        assert_eq!(format!("{made:?}"), "Secret(…)");
    }

    #[test]
    fn secret_that_others_can_read_is_closed_to_them() {
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("station.db");
        let made = Secret::beside(&journal).unwrap();
        let file = path(&journal);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Secret::beside(&journal).unwrap() == made);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, OWNER_ONLY);
    }

    #[test]
    fn file_that_is_no_secret_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let journal = directory.path().join("station.db");
        fs::write(path(&journal), "short").unwrap();
        let error = Secret::beside(&journal).unwrap_err();
        assert!(error.to_string().contains("32 bytes, not 5"), "{error}");
        assert_eq!(fs::read(path(&journal)).unwrap(), b"short");
    }

    #[test]
    fn key_of_one_purpose_proves_nothing_to_another() {
        let directory = tempfile::tempdir().unwrap();
        let secret = Secret::beside(&directory.path().join("station.db")).unwrap();
        let tag = hmac::sign(&secret.key("keys"), b"x");
        assert!(hmac::verify(&secret.key("keys"), b"x", tag.as_ref()).is_ok());
        assert!(hmac::verify(&secret.key("sessions"), b"x", tag.as_ref()).is_err());
    }
}
