//! A user's own protocols: the files of a folder, which add to those in the binary or take their place.
//!
//! Reads the folder once, when it is asked. Whatever a file is, the others stay: it is told what is wrong with it, and the
//! protocol that it would have been is refused by name.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::protocol::{Library, ProtocolProblem};

/// Largest file, in bytes; the largest in the binary has 26,000.
const MAX_FILE: u64 = 512 * 1024;
/// Most files of protocols.
const MAX_FILES: usize = 128;
/// Most entries of the folder that are looked at.
const MAX_ENTRIES: usize = 4096;
/// What the name of a protocol's file ends with.
const ENDING: &str = "toml";

impl Library {
    /// The protocols in the binary and those of a folder; beside them, everything that is wrong in the folder.
    #[must_use]
    pub fn with_folder(folder: &Path) -> (Library, Vec<ProtocolProblem>) {
        let (paths, mut problems) = match paths(folder) {
            Ok(paths) => (paths, Vec::new()),
            Err(error) => (
                Vec::new(),
                vec![problem(folder, format!("the folder cannot be read: {error}"))],
            ),
        };
        if paths.len() > MAX_FILES {
            problems.push(problem(
                folder,
                format!("more than {MAX_FILES} files; the rest is left out"),
            ));
        }
        let mut files = Vec::new();
        for path in paths.into_iter().take(MAX_FILES) {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
            match read(&path) {
                Ok(text) => files.push((name.unwrap_or_default(), path.display().to_string(), text)),
                Err(error) => problems.push(problem(&path, error.to_string())),
            }
        }
        let (library, refused) = Library::with_files(files);
        problems.extend(refused);
        (library, problems)
    }
}

fn problem(path: &Path, reason: String) -> ProtocolProblem {
    ProtocolProblem {
        file: path.display().to_string(),
        key: String::new(),
        reason,
    }
}

/// The files of protocols, in the order of their names.
fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?
        .take(MAX_ENTRIES)
        .map(|entry| entry.map(|entry| entry.path()));
    let mut paths = entries.collect::<io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == ENDING));
    paths.sort();
    Ok(paths)
}

/// The text of a file that is none of the things which are read forever.
fn read(path: &Path) -> io::Result<String> {
    let is_file = fs::metadata(path)?.is_file();
    if !is_file {
        return Err(io::Error::other("is no file"));
    }
    let mut text = String::new();
    let read = File::open(path)?
        .take(MAX_FILE.saturating_add(1))
        .read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_FILE) {
        return Ok(text);
    }
    Err(io::Error::other(format!("has more than {MAX_FILE} bytes")))
}
