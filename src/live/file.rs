//! The configuration file, replaced as a whole. *Blocking.*
//!
//! **Invariant:** whoever reads it, after a power cut even, finds the old text or the new one, never a part.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The new text lies beside the file, for its owner's eyes only, until it is whole.
fn open_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let beside = path.with_added_extension("new");
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    Ok((file, beside))
}

/// Puts a text in place of the file's; rights stay.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let (mut file, beside) = open_beside(path)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::metadata(path)?.permissions())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    File::open(directory)?.sync_all()
}

/// Whether it can be replaced.
pub(super) fn try_replace(path: &Path) -> io::Result<()> {
    let (_, beside) = open_beside(path)?;
    fs::remove_file(beside)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn replaced_file_keeps_its_rights_and_nothing_stays_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stationd.toml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        try_replace(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        replace(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
