//! The host's log files: `{root}-YYYY-MM-DD.log`, by the UTC date of the line.
//!
//! Owns: the file of the day. Like the host, it opens the next one when the first line of the day comes; a silent day
//! has no file, and nothing is ever renamed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::mmdvm::Line;

/// A directory of daily logs, written to the way the host does.
#[derive(Debug)]
pub struct DailyLog {
    directory: PathBuf,
    root: String,
    today: Option<((i32, u8, u8), File)>,
}

impl DailyLog {
    /// Logs into `directory`, which need not exist yet; `root` is how the file names begin.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, root: impl Into<String>) -> DailyLog {
        DailyLog {
            directory: directory.into(),
            root: root.into(),
            today: None,
        }
    }

    /// Appends a line with one write, in the file of its day.
    ///
    /// # Errors
    /// When the file cannot be opened or written; the next call opens it again.
    pub fn append(&mut self, line: &Line) -> io::Result<()> {
        let date = line.at.utc_date();
        let mut file = match self.today.take() {
            Some((day, file)) if day == date => file,
            Some(_) | None => self.open(date)?,
        };
        file.write_all(format!("{line}\n").as_bytes())?;
        self.today = Some((date, file));
        Ok(())
    }

    fn open(&self, (year, month, day): (i32, u8, u8)) -> io::Result<File> {
        std::fs::create_dir_all(&self.directory)?;
        let name = format!("{}-{year:04}-{month:02}-{day:02}.log", self.root);
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.join(name))
    }
}
