//! The pure core stays pure: bytes and times in, values out.

use std::fs;
use std::path::{Path, PathBuf};

/// What a pure file does not know of: actors, tasks, storage, files, clocks.
const FOREIGN: [&str; 11] = [
    "actix",
    "tokio",
    "rusqlite",
    "kernel::",
    "journal::",
    "notify::",
    "std::fs",
    "std::net",
    "std::thread",
    "Instant",
    "::now()",
];

#[test]
fn grammar_machine_mqtt_tail_and_replay_know_no_actors_no_clock_and_no_files() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![source.join("replay.rs")];
    for room in ["grammar", "machine", "mqtt", "tail"] {
        let entries = fs::read_dir(source.join(room)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    assert!(files.len() > 20, "the pure files were not found");
    let guilty: Vec<(PathBuf, &str)> = files
        .into_iter()
        .flat_map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let found = FOREIGN.into_iter().filter(move |word| text.contains(word));
            found.map(move |word| (file.clone(), word))
        })
        .collect();
    assert!(guilty.is_empty(), "{guilty:?}");
}
