//! The promises of docs/ARCHITECTURE.md that the compiler does not keep: read from the sources, rule by rule.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where bytes go in and values come out: no actors, no clock, no I/O. Each path exists, so that the list stays true.
const PURE: [&str; 26] = [
    "actors/gate/src/book.rs",
    "actors/gate/src/chain.rs",
    "actors/gate/src/policy.rs",
    "actors/gate/src/seal.rs",
    "actors/gate/src/token.rs",
    "actors/gate/src/workflow",
    "actors/kernel/src/core",
    "actors/model/src",
    "actors/power/src/decode",
    "actors/power/src/history/gather.rs",
    "actors/power/src/history/pack.rs",
    "actors/power/src/protocol",
    "actors/power/src/system",
    "actors/power/src/watch",
    "actors/power/src/settings",
    "actors/power/src/detect.rs",
    "actors/power/src/wire",
    "actors/repeater/src/grammar",
    "actors/repeater/src/machine",
    "actors/repeater/src/mqtt",
    "actors/repeater/src/tail",
    "src/live/book.rs",
    "src/live/plan.rs",
    "tests/sim/src/mmdvm",
    "tests/sim/src/power/plant.rs",
    "tests/sim/src/rng.rs",
];

/// What a pure module does not know.
const IMPURE: [&str; 9] = [
    "actix",
    "tokio",
    "rusqlite",
    "r2d2",
    "std::fs",
    "std::net",
    "std::thread",
    "Instant::now",
    "Timestamp::now",
];

/// What each crate may know of the workspace, apart from its tests. `.` is the service.
const KNOWS: [(&str, &[&str]); 9] = [
    ("actors/kernel", &[]),
    ("actors/model", &[]),
    ("actors/journal", &["kernel", "model"]),
    ("actors/gate", &["kernel", "model", "journal"]),
    ("actors/repeater", &["kernel", "model", "journal"]),
    ("actors/power", &["kernel", "model", "journal"]),
    ("tests/sim", &["kernel", "model"]),
    ("tests/hostile", &["model", "journal", "gate", "power", "repeater"]),
    (".", &["kernel", "model", "journal", "gate", "power", "repeater", "sim"]),
];

/// A file that grows beyond this has two subjects.
const MAX_LINES: usize = 500;

fn read(path: impl AsRef<Path>) -> io::Result<String> {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
}

/// Every Rust file at or beneath `place`, by its path in the project.
fn sources(place: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut left = vec![Path::new(ROOT).join(place)];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(path.strip_prefix(ROOT).ok().map(Path::to_path_buf));
        }
    }
    found.sort();
    Ok(found)
}

/// Every Rust file of the workspace.
fn workspace() -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for place in ["src", "actors", "tests", "fuzz/fuzz_targets"] {
        all.extend(sources(place)?);
    }
    Ok(all)
}

/// The statements of a file: without comments, and without the unit tests at its end.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// The names of a table of a manifest.
fn table<'a>(manifest: &'a str, header: &str) -> impl Iterator<Item = &'a str> {
    let body = manifest.split_once(header).map_or("", |(_, rest)| rest);
    body.lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', '=', ' ']).next())
}

#[test]
fn pure_modules_know_no_actors_clocks_files_or_sockets() -> io::Result<()> {
    let mut broken = Vec::new();
    for place in PURE {
        let files = sources(place)?;
        assert!(!files.is_empty(), "{place} is on the list and not in the tree");
        for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
            for line in code(&read(file)?) {
                if let Some(word) = IMPURE.iter().find(|word| line.contains(**word)) {
                    broken.push(format!("{}: {word} in {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

#[test]
fn crates_know_only_those_below_them() -> io::Result<()> {
    let ours = ["kernel", "model", "journal", "gate", "repeater", "sim"];
    for (place, allowed) in KNOWS {
        let manifest = read(Path::new(place).join("Cargo.toml"))?;
        for name in table(&manifest, "\n[dependencies]\n").filter(|name| ours.contains(name)) {
            assert!(allowed.contains(&name), "{place} must not know {name}");
        }
    }
    Ok(())
}

#[test]
fn every_crate_is_on_the_list_of_who_knows_whom() -> io::Result<()> {
    let manifest = read("Cargo.toml")?;
    let members = manifest.lines().find(|line| line.starts_with("members = "));
    let members = members.unwrap_or_default().split('"').filter(|part| part.contains('/'));
    let mut members: Vec<_> = members.chain(["."]).collect();
    let mut listed = KNOWS.map(|(place, _)| place);
    members.sort_unstable();
    listed.sort_unstable();
    assert_eq!(members, listed);
    Ok(())
}

#[test]
fn one_file_alone_knows_actix_web_actors() -> io::Result<()> {
    // The crate is frozen upstream: whoever replaces it should have one file to write anew.
    let mut knows = Vec::new();
    for file in workspace()?
        .into_iter()
        .filter(|file| !file.ends_with("tests/it/architecture.rs"))
    {
        if code(&read(&file)?).any(|line| line.contains("actix_web_actors")) {
            knows.push(file);
        }
    }
    assert_eq!(knows, [PathBuf::from("src/web/ws.rs")]);
    Ok(())
}

#[test]
fn every_file_says_what_it_is_and_stays_short() -> io::Result<()> {
    let files = workspace()?;
    assert!(files.len() > 30, "only {} files seen", files.len());
    let mut broken = Vec::new();
    for file in files {
        let text = read(&file)?;
        let lines = text.lines().count();
        if !text.starts_with("//!") {
            broken.push(format!("{} has no header", file.display()));
        }
        if lines > MAX_LINES {
            broken.push(format!("{} has {lines} lines", file.display()));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    Ok(())
}

#[test]
#[allow(clippy::assertions_on_constants, reason = "the constant is what the profile chose")]
fn every_profile_unwinds() -> io::Result<()> {
    // The kernel catches panics; with `abort` the first one would end the station.
    let manifest = read("Cargo.toml")?;
    assert!(
        !manifest
            .lines()
            .any(|line| line.starts_with("panic = ") && line.contains("abort"))
    );
    assert!(cfg!(panic = "unwind"));
    Ok(())
}

#[test]
fn code_map_names_what_is_there() -> io::Result<()> {
    let text = read("docs/ARCHITECTURE.md")?;
    let map = text
        .split("## Code map")
        .nth(1)
        .and_then(|rest| rest.split("\n## ").next());
    let quoted = map.unwrap_or_default().split('`').skip(1).step_by(2);
    let named: Vec<_> = quoted
        .filter(|word| word.contains('/') && word.starts_with(|first: char| first.is_ascii_lowercase()))
        .collect();
    let gone: Vec<_> = named
        .iter()
        .filter(|path| !Path::new(ROOT).join(path).exists())
        .collect();
    assert!(named.len() > 20, "the code map names only {named:?}");
    assert!(gone.is_empty(), "the code map names what is not there: {gone:#?}");
    Ok(())
}
