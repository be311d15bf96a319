//! The files under the log tail: looks into the directory, asks [`plan`] what to read, reads it.
//!
//! Blocking; the actor runs it on the blocking pool. Fails when the directory or the file cannot be read, which is a
//! state of the tail and no reason to stop.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::config::RepeaterConfig;
use crate::tail::{FileId, Found, Names, Place, Plan, Position, cut, plan};

/// Most bytes that are read and on their way at once: some thousand lines, one append.
const CHUNK_BYTES: usize = 64 * 1024;

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

/// What there is to read.
#[derive(Debug)]
pub(crate) enum Look {
    /// Lines.
    Lines(Chunk),
    /// Nothing, for now.
    Nothing {
        /// There is a file that may grow.
        inside_file: bool,
        /// Bytes of a last line that has no end yet.
        behind: u64,
    },
}

/// Looks for lines.
#[derive(Debug)]
pub(crate) struct Follower {
    directory: PathBuf,
    names: Names,
    history: bool,
    open: Option<(FileId, File)>,
}

impl Follower {
    pub(crate) fn new(config: &RepeaterConfig) -> Follower {
        Follower {
            directory: config.log_directory.clone(),
            names: Names::new(&config.file_root, config.rotate),
            history: config.history,
            open: None,
        }
    }

    /// Reads the next lines behind `position`, if there are any.
    pub(crate) fn look(&mut self, position: &Position) -> io::Result<Look> {
        let found = list(&self.directory, &self.names)?;
        let (name, place, is_over) = match plan(&self.names, position, &found, self.history) {
            Plan::Wait { inside_file } => return Ok(Look::Nothing { inside_file, behind: 0 }),
            Plan::Read { name, place, is_over } => (name, place, is_over),
        };
        let file = self.file(&name, place.file)?;
        let mut bytes = vec![0; CHUNK_BYTES];
        let count = file.read_at(&mut bytes, place.offset)?;
        bytes.truncate(count);
        let end_of_bytes = place.offset.saturating_add(to_u64(count));
        let len = file.metadata()?.len();
        let is_whole_rest = end_of_bytes >= len;
        let cut = cut(
            &bytes,
            place.inside_line,
            count == CHUNK_BYTES,
            is_over && is_whole_rest,
        );
        if cut.end == 0 && !(is_over && is_whole_rest) {
            return Ok(Look::Nothing {
                inside_file: true,
                behind: len.saturating_sub(place.offset),
            });
        }
        let to = Place {
            offset: place.offset.saturating_add(to_u64(cut.end)),
            inside_line: cut.inside_line,
            ..place
        };
        Ok(Look::Lines(Chunk {
            from: position.clone(),
            behind: len.saturating_sub(to.offset),
            to,
            lines: Bytes::from(bytes).slice(cut.skip..cut.end),
        }))
    }

    /// The file, opened if it is not open yet.
    fn file(&mut self, name: &str, wanted: FileId) -> io::Result<&File> {
        let open = match self.open.take() {
            Some((id, file)) if id == wanted => (id, file),
            _ => {
                let file = File::open(self.directory.join(name))?;
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
    for entry in fs::read_dir(directory)? {
        let Ok(name) = entry?.file_name().into_string() else {
            continue;
        };
        if names.is_log(&name) || names.may_be_renamed(&name) {
            listed.push(name);
        }
    }
    // A file that was deleted since is none.
    let found = listed.into_iter().filter_map(|name| {
        let metadata = fs::metadata(directory.join(&name)).ok()?;
        metadata.is_file().then(|| Found {
            name,
            file: id(&metadata),
            len: metadata.len(),
        })
    });
    Ok(found.collect())
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
