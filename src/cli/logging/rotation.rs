//! A log file that does not outgrow its disk: full, it becomes `NAME.1`, the one before `NAME.2`, and so on; the last one goes.
//!
//! Each step is a rename, so that a file is under one name or the other, whatever happens in between. Somebody else may rotate
//! as well (logrotate, by rename or by copy): the file is looked at before each line, and opened anew when it is another one.
//! Fails when: the disk is full, the directory is gone. The line is lost then, whole; the next one is tried again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::LogConfig;

/// Bytes in a megabyte of the configuration.
const MB: u64 = 1024 * 1024;

/// The files of one log.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    /// Size that a file does not exceed, unless one line does.
    max_bytes: u64,
    /// How many there are, the one that is written included.
    files: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    device: u64,
    inode: u64,
}

impl RotatingFile {
    /// The file that the configuration names, if it does. Opened with the first line.
    pub(super) fn of(config: &LogConfig) -> Option<RotatingFile> {
        let named = !config.file.as_os_str().is_empty();
        named.then(|| RotatingFile::new(&config.file, u64::from(config.file_mb) * MB, config.files))
    }

    fn new(path: &Path, max_bytes: u64, files: u32) -> RotatingFile {
        RotatingFile {
            path: path.to_owned(),
            max_bytes,
            files,
            open: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line, all of it or nothing.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut length = self.length()?;
        let size = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if length > 0 && length.saturating_add(size) > self.max_bytes {
            self.rotate()?;
            length = 0;
        }
        let file = &mut self.opened()?.file;
        file.write_all(line).inspect_err(|_| {
            // Half a line would be read as the beginning of the next one. Where this fails too, nothing more can be done.
            let _cut_off = file.set_len(length).is_ok();
        })
    }

    /// Length of the file under our name; opens it anew if it is not the one that we have.
    fn length(&mut self) -> io::Result<u64> {
        let there = match fs::metadata(&self.path) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.open = None;
                return Ok(0);
            }
            Err(error) => return Err(error),
        };
        let same = |open: &Open| (open.device, open.inode) == (there.dev(), there.ino());
        if !self.open.as_ref().is_some_and(same) {
            self.open = None;
        }
        Ok(there.len())
    }

    fn opened(&mut self) -> io::Result<&mut Open> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                let own = file.metadata()?;
                Open {
                    file,
                    device: own.dev(),
                    inode: own.ino(),
                }
            }
        };
        Ok(self.open.insert(open))
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        // Those beyond the last are of a time when more were kept.
        let mut beyond = self.files;
        while fs::remove_file(self.numbered(beyond)).is_ok() {
            beyond = beyond.saturating_add(1);
        }
        for number in (1..self.files.saturating_sub(1)).rev() {
            moved(&self.numbered(number), &self.numbered(number.saturating_add(1)))?;
        }
        moved(&self.path, &self.numbered(1))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

/// A file that is not there needs no move.
fn moved(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A log of at most 20 bytes a file, three files.
    fn log() -> (TempDir, RotatingFile) {
        let directory = TempDir::new().unwrap();
        let log = RotatingFile::new(&directory.path().join("s.log"), 20, 3);
        (directory, log)
    }

    /// Names and texts of all files.
    fn files(directory: &TempDir) -> Vec<(String, String)> {
        let entries = fs::read_dir(directory.path()).unwrap().map(Result::unwrap);
        let mut files: Vec<_> = entries
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    fs::read_to_string(entry.path()).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    }

    fn append(log: &mut RotatingFile, lines: std::ops::Range<u32>) {
        lines.for_each(|number| log.append(format!("line {number:03}\n").as_bytes()).unwrap());
    }

    fn pairs(files: &[(String, String)]) -> Vec<(&str, &str)> {
        files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect()
    }

    #[test]
    fn log_keeps_its_newest_lines_in_so_many_files_of_such_a_size() {
        let (directory, mut log) = log();
        append(&mut log, 0..11);
        let expected = [
            ("s.log", "line 010\n"),
            ("s.log.1", "line 008\nline 009\n"),
            ("s.log.2", "line 006\nline 007\n"),
        ];
        assert_eq!(pairs(&files(&directory)), expected);
    }

    #[test]
    fn log_goes_on_behind_what_an_earlier_run_wrote_and_drops_files_that_are_too_many_now() {
        let (directory, mut first) = log();
        append(&mut first, 0..1);
        for number in 3..6 {
            fs::write(directory.path().join(format!("s.log.{number}")), "old").unwrap();
        }
        let mut second = RotatingFile::new(first.path(), 20, 3);
        append(&mut second, 1..3);
        assert_eq!(
            pairs(&files(&directory)),
            [("s.log", "line 002\n"), ("s.log.1", "line 000\nline 001\n")]
        );
    }

    #[test]
    fn log_that_somebody_else_rotates_is_opened_anew() {
        let (directory, mut log) = log();
        append(&mut log, 0..1);
        fs::rename(log.path(), directory.path().join("theirs")).unwrap();
        append(&mut log, 1..3);
        fs::write(log.path(), "").unwrap();
        append(&mut log, 3..4);
        assert_eq!(
            pairs(&files(&directory)),
            [("s.log", "line 003\n"), ("theirs", "line 000\n")]
        );
    }

    #[test]
    fn line_that_the_disk_refuses_is_an_error_and_the_next_one_is_tried_again() {
        let mut full = RotatingFile::new(Path::new("/dev/full"), 20, 3);
        for _ in 0..2 {
            assert_eq!(full.append(b"line\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
        let directory = TempDir::new().unwrap();
        let later = directory.path().join("later");
        let mut log = RotatingFile::new(&later.join("s.log"), 20, 3);
        assert!(log.append(b"line\n").is_err());
        fs::create_dir(&later).unwrap();
        log.append(b"line\n").unwrap();
        assert_eq!(fs::read_to_string(log.path()).unwrap(), "line\n");
    }
}
