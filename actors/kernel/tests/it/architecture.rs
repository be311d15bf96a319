//! What the crate's shape promises.

use std::fs;
use std::path::Path;

#[test]
fn core_source_mentions_no_actor_no_runtime_and_no_clock() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core");
    let mut files = 0;
    for entry in fs::read_dir(core).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for word in [
            "actix",
            "tokio",
            "Instant::now",
            "SystemTime",
            "crate::clock",
            "crate::shell",
        ] {
            assert!(!text.contains(word), "{} mentions {word}", path.display());
        }
        files += 1;
    }
    assert!(files >= 4, "found {files} files");
}

#[test]
fn profile_unwinds_on_panic() {
    let unwinds = cfg!(panic = "unwind");
    assert!(unwinds, "supervision needs panics that unwind");
}
