//! The files under the log tail: looks into the directory, asks [`plan`] what to read, reads it.
//!
//! Owns: the open file. One that is deleted while it is open is read on, for the host may go on writing it.
//!
//! Blocking; the actor runs it on the blocking pool. Fails when the directory or the file cannot be read, which is a
//! state of the tail and no reason to stop.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use memchr::memchr;

use crate::log::Log;
use crate::tail::{FileId, Found, Mark, Names, Place, Plan, Position, Seen, cut, plan};

/// Most bytes that are read and on their way at once: some thousand lines, one append.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Whole lines of the log, and where they are.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// The position before.
    pub(crate) from: Position,
    /// The position behind.
    pub(crate) to: Place,
    /// The lines.
    pub(crate) lines: Bytes,
    /// Bytes of this file that are still to be read.
    pub(crate) behind: u64,
}

impl Chunk {
    /// Each line with the place in the file at which it begins, and with its newline if it has one.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut rest: &[u8] = &self.lines;
        let mut next = self.start();
        std::iter::from_fn(move || {
            let end = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let (line, later) = rest.split_at_checked(end).filter(|(line, _)| !line.is_empty())?;
            let offset = next;
            next = next.saturating_add(to_u64(line.len()));
            rest = later;
            Some((offset, line))
        })
    }

    /// Where in the file the first line begins.
    pub(crate) fn start(&self) -> u64 {
        self.to.offset.saturating_sub(to_u64(self.lines.len()))
    }

    /// The first line alone.
    pub(crate) fn first_line(mut self) -> Chunk {
        let Some(end) = memchr(b'\n', &self.lines).map(|end| end + 1) else {
            return self;
        };
        if end < self.lines.len() {
            let later = to_u64(self.lines.split_off(end).len());
            self.behind = self.behind.saturating_add(later);
            self.to.offset = self.to.offset.saturating_sub(later);
            self.to.mark = Mark::behind(&self.lines);
            self.to.inside_line = false;
        }
        self
    }

    /// The line that begins there.
    pub(crate) fn line_at(&self, offset: u64) -> &[u8] {
        let line = self.numbered().find(|(begin, _)| *begin == offset);
        line.map_or(&[], |(_, line)| line)
    }
}

/// What there is to read.
#[derive(Debug)]
pub(crate) enum Look {
    /// Lines.
    Lines(Chunk),
    /// Nothing, for now.
    Nothing {
        /// Bytes of a last line that has no end yet.
        behind: u64,
    },
    /// There is no file that may grow.
    NoFile {
        /// The newest there is, though it is older than what was read.
        newest: Option<String>,
    },
}

/// Looks for lines.
#[derive(Debug)]
pub(crate) struct Follower {
    directory: PathBuf,
    names: Names,
    history: bool,
    open: Option<(FileId, File)>,
    seen: Seen,
}

impl Follower {
    pub(crate) fn new(log: &Log) -> Follower {
        Follower {
            directory: log.directory.clone(),
            names: Names::new(&log.file_root, log.rotate),
            history: log.history,
            open: None,
            seen: Seen::default(),
        }
    }

    /// Reads the next lines behind `position`, if there are any.
    pub(crate) fn look(&mut self, position: &Position) -> io::Result<Look> {
        let found = self.found(position)?;
        let place = position.as_ref();
        let stray = place.and_then(|place| self.seen.stray(&self.names, place, &found));
        self.seen.note(&self.names, place, &found);
        let plan = plan(&self.names, position, &found, self.history, stray);
        let Plan::Read { name, place, is_over } = plan else {
            let logs = found.into_iter().map(|found| found.name);
            let newest = logs.filter(|name| self.names.is_log(name)).max();
            return Ok(Look::NoFile { newest });
        };
        let start = Place {
            left: place.left.clone(),
            ..Place::start(&name, place.file)
        };
        if let Some(look) = self.read(position, &name, place, is_over)? {
            return Ok(look);
        }
        tracing::warn!(file = name, "log rewritten in place, read from its start");
        let look = self.read(position, &name, start, is_over)?;
        look.ok_or_else(|| io::Error::other(format!("{name} is being rewritten")))
    }

    /// Reads from `place`; `None` if what stands before it is no longer what stood there.
    fn read(&mut self, from: &Position, name: &str, place: Place, is_over: bool) -> io::Result<Option<Look>> {
        let file = self.file(name, place.file)?;
        let mut bytes = vec![0; place.mark.len() + CHUNK_BYTES];
        let begin = place.offset.saturating_sub(to_u64(place.mark.len()));
        let count = file.read_at(&mut bytes, begin)?;
        bytes.truncate(count);
        let Some((before, text)) = bytes.split_at_checked(place.mark.len()) else {
            return Ok(None);
        };
        if !place.mark.fits(before) {
            return Ok(None);
        }
        let len = file.metadata()?.len();
        let ends_here = is_over && place.offset.saturating_add(to_u64(text.len())) >= len;
        let cut = cut(text, place.inside_line, text.len() == CHUNK_BYTES, ends_here);
        // The end of a file that is over is a step forward even if nothing stands there.
        let is_step = ends_here && from.as_ref() != Some(&place);
        if cut.end == 0 && !is_step {
            return Ok(Some(Look::Nothing {
                behind: len.saturating_sub(place.offset),
            }));
        }
        let (skip, end) = (before.len() + cut.skip, before.len() + cut.end);
        let to = Place {
            offset: place.offset.saturating_add(to_u64(cut.end)),
            inside_line: cut.inside_line,
            mark: Mark::behind(bytes.get(..end).unwrap_or_default()),
            ..place
        };
        Ok(Some(Look::Lines(Chunk {
            from: from.clone(),
            behind: len.saturating_sub(to.offset),
            to,
            lines: Bytes::from(bytes).slice(skip..end),
        })))
    }

    /// The files that there are, the open one among them though it was deleted.
    fn found(&self, position: &Position) -> io::Result<Vec<Found>> {
        let mut found = list(&self.directory, &self.names)?;
        if let (Some(place), Some((id, file))) = (position, &self.open)
            && *id == place.file
            && found.iter().all(|found| found.file != *id)
        {
            let len = file.metadata()?.len();
            let name = place.name.clone();
            found.insert(0, Found { name, file: *id, len });
        }
        Ok(found)
    }

    /// The file, opened if it is not open yet.
    fn file(&mut self, name: &str, wanted: FileId) -> io::Result<&File> {
        let open = match self.open.take() {
            Some((id, file)) if id == wanted => (id, file),
            _ => {
                let path = self.directory.join(name);
                let file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
                (id(&file.metadata()?), file)
            }
        };
        if open.0 != wanted {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("{name} was exchanged just now"),
            ));
        }
        Ok(&self.open.insert(open).1)
    }
}

/// The host's files. All names come before all lengths, see [`Found::len`].
fn list(directory: &Path, names: &Names) -> io::Result<Vec<Found>> {
    let mut listed = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| unreadable(directory, &error))? {
        let Ok(name) = entry?.file_name().into_string() else {
            continue;
        };
        if names.is_log(&name) || names.may_be_renamed(&name) {
            listed.push(name);
        }
    }
    let mut found = Vec::new();
    for name in listed {
        let path = directory.join(&name);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => found.push(Found {
                name,
                file: id(&metadata),
                len: metadata.len(),
            }),
            Ok(_) => {}
            // It was deleted since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // What has been renamed is of interest only while it can be read.
            Err(_) if !names.is_log(&name) => {}
            Err(error) => return Err(unreadable(&path, &error)),
        }
    }
    Ok(found)
}

/// The same error in words for an operator.
fn unreadable(path: &Path, error: &io::Error) -> io::Error {
    let path = path.display();
    let words = if error.kind() == io::ErrorKind::NotFound {
        format!("{path} is not there")
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        format!("no permission to read {path}")
    } else {
        format!("cannot read {path}: {error}")
    };
    io::Error::new(error.kind(), words)
}

fn id(metadata: &Metadata) -> FileId {
    FileId {
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RepeaterConfig;

    #[test]
    fn other_file_with_the_number_of_a_deleted_one_is_read_from_its_start() {
        const NAME: &str = "MMDVM-2026-11-21.log";
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join(NAME);
        fs::write(&path, "this line is new\nthis one too\n").unwrap();
        let config = RepeaterConfig {
            log_directory: directory.path().to_owned(),
            ..RepeaterConfig::default()
        };
        let lines = |mark: Mark| {
            let file = id(&fs::metadata(&path).unwrap());
            let position = Some(Place {
                offset: 17,
                mark,
                ..Place::start(NAME, file)
            });
            match Follower::new(&Log::of_host(&config)).look(&position).unwrap() {
                Look::Lines(chunk) => String::from_utf8(chunk.lines.to_vec()).unwrap(),
                Look::Nothing { .. } | Look::NoFile { .. } => panic!("nothing"),
            }
        };
        assert_eq!(lines(Mark::behind(b"this line is new\n")), "this one too\n");
        let whole = "this line is new\nthis one too\n";
        assert_eq!(lines(Mark::behind(b"this line is old\n")), whole);
        assert_eq!(lines(Mark::behind(&[b'x'; 300])), whole);
    }
}
