//! kill -9 at any instant: what was acknowledged is there, once.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kernel::{SupervisorSpec, launch};
use model::Seq;
use stationd_journal::{Journal, JournalConfig, Synchronous};

use crate::support::*;

/// Names the journal to the child process.
const PATH: &str = "JOURNAL_CRASH_TEST_PATH";
/// Events in each of the child's appends.
const EVENTS: u64 = 7;
/// Lives of the child, each killed after a different number of acknowledgements.
const LIVES: u64 = 6;

fn config(path: PathBuf) -> JournalConfig {
    JournalConfig {
        path,
        synchronous: Synchronous::Normal,
        ..JournalConfig::default()
    }
}

/// The victim: does nothing unless the test below starts it as a process of its own.
#[tokio::test]
async fn child_process_appends_until_it_is_killed() {
    let Some(path) = std::env::var_os(PATH) else {
        return;
    };
    let (journal, child) = Journal::open(&config(path.into()), vec![Box::new(Mirror)]).unwrap();
    let _supervision = launch(SupervisorSpec::new("root").child(child)).unwrap();
    let mut version = journal.checkpoint("p").unwrap().map_or(0, |stored| stored.version);
    let mut out = std::io::stdout();
    loop {
        let events = (0..EVENTS).map(|n| event("x", n)).collect();
        let answer = journal.append(moving("p", events, version, 1), SOON).await.unwrap();
        version = answer.version;
        writeln!(out, "\nacknowledged {} {}", answer.last, version).unwrap();
    }
}

/// Runs the victim until it has acknowledged so many appends, then kills it; the last acknowledgement read.
fn live_and_die(path: &PathBuf, acknowledgements: usize) -> (u64, u64) {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::child_process_appends_until_it_is_killed",
            "--nocapture",
        ])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let acknowledged = |line: String| {
        let (last, version) = line.strip_prefix("acknowledged ")?.split_once(' ')?;
        Some((last.parse().ok()?, version.parse().ok()?))
    };
    let newest = lines
        .by_ref()
        .filter_map(acknowledged)
        .take(acknowledgements)
        .last()
        .unwrap();
    victim.kill().unwrap();
    // What it still got out before it died counts as well.
    let newest = lines.filter_map(acknowledged).last().unwrap_or(newest);
    victim.wait().unwrap();
    newest
}

#[tokio::test]
async fn acknowledged_appends_survive_kill_nine_dense_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.db");
    for life in 0..LIVES {
        let (last, version) = live_and_die(&path, usize::try_from(3 + life * 29).unwrap());
        let (journal, _child) = Journal::open(&config(path.clone()), vec![Box::new(Mirror)]).unwrap();
        let opened = journal.opened();
        assert!(opened.after_unclean_end && opened.set_aside.is_none(), "{opened:?}");
        let stored = journal.checkpoint("p").unwrap().unwrap();
        assert!(
            journal.head() >= Seq(last) && stored.version >= version,
            "an acknowledged append is gone"
        );
        // At most the append that was under way came on top, whole.
        assert!(stored.version <= version + 1, "{} after {version}", stored.version);
        assert_eq!(journal.head(), Seq(stored.version * EVENTS));
        let rows = i64::try_from(journal.head().0).unwrap();
        assert_eq!(counts(&journal), (rows, rows));
    }
}
