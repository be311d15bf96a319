//! A disk that is full: a real one, a small memory file system that fills and is freed again.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use model::Seq;
use stationd_journal::{AppendError, EventFilter, Journal, JournalConfig, JournalStatus};
use tempfile::TempDir;

use crate::support::*;

/// Size of the disk, in MiB: some megabytes of events, beside the journal's tables and its write-ahead log.
const DISK_MB: usize = 4;

/// A small disk of its own, unmounted in the end.
struct Disk(TempDir);

impl Disk {
    /// `None`, with a word, where mounting is not permitted.
    fn mount() -> Option<Disk> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_MB}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(dir.path())
            .output();
        if mount.is_ok_and(|mount| mount.status.success()) {
            return Some(Disk(dir));
        }
        eprintln!("skipped: no permission to mount a small disk");
        None
    }

    fn journal(&self) -> JournalConfig {
        JournalConfig {
            path: self.0.path().join("journal.db"),
            ..JournalConfig::default()
        }
    }

    /// Refused while a file is open for writing, and the pool's threads close theirs when they come to it.
    async fn remount(&self, how: &str) {
        let remounted = || {
            let mut mount = Command::new("mount");
            mount.args(["-o", &format!("remount,{how}")]).arg(self.0.path());
            mount.output().is_ok_and(|mount| mount.status.success())
        };
        assert!(until(SOON, remounted).await, "{how}");
    }

    /// Takes all the space that is left; gone with the file.
    fn fill(&self) -> Ballast {
        let path = self.0.path().join("ballast");
        let mut file = File::create(&path).unwrap();
        for size in [65_536, 4096, 512, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        Ballast(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

struct Ballast(PathBuf);

impl Ballast {
    fn free(self) {
        std::fs::remove_file(self.0).unwrap();
    }
}

fn degraded(status: &JournalStatus) -> bool {
    matches!(status, JournalStatus::Degraded { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_degrades_the_journal_and_the_same_appends_go_in_once_it_is_freed() {
    let Some(disk) = Disk::mount() else { return };
    let running = Running::at(disk.journal(), vec![Box::new(Mirror)]).await;
    let mut subscription = running.journal.subscribe(None, EventFilter::all());
    running.append(moving("p", vec![event("x", 0)], 0, 1)).await.unwrap();
    let ballast = disk.fill();

    // What room the log still has is used up first; then the same append is refused for as long as it is tried.
    let batch = |version| moving("p", vec![event("x", version); 500], version, 1);
    let mut version = 1;
    let refused = loop {
        match running.append(batch(version)).await {
            Ok(appended) => version = appended.version,
            Err(error) => break error,
        }
        assert!(version < 1000, "a full disk takes everything");
    };
    assert!(
        matches!(&refused, AppendError::Storage(reason) if reason.contains("full")),
        "{refused}"
    );
    let head = running.journal.head();
    for _ in 0..20 {
        assert!(matches!(
            running.append(batch(version)).await,
            Err(AppendError::Storage(_))
        ));
        assert!(degraded(&running.journal.status()));
    }
    let rows = i64::try_from(head.0).unwrap();
    assert_eq!((running.journal.head(), counts(&running.journal)), (head, (rows, rows)));

    ballast.free();
    let appended = running.append(batch(version)).await.unwrap();
    assert_eq!((appended.first, appended.version), (head.next(), version + 1));
    assert_eq!(running.journal.status(), JournalStatus::Ok);
    let seen = follow(&mut subscription, appended.last).await.0;
    assert_eq!(seen, (1..=appended.last.0).collect::<Vec<_>>());
    assert_eq!(running.restarts(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_journal_notices_by_itself_that_the_disk_was_freed_and_not_before() {
    let Some(disk) = Disk::mount() else { return };
    let running = Running::at(disk.journal(), vec![]).await;
    let ballast = disk.fill();
    let mut refused = Ok(());
    for n in 0..1000 {
        refused = running.append(append("p", vec![event("x", n); 2000])).await.map(drop);
        if refused.is_err() {
            break;
        }
    }
    assert!(matches!(refused, Err(AppendError::Storage(_))));
    let head = running.journal.head();
    // Two probes fail meanwhile.
    let early = until(Duration::from_millis(2500), || !degraded(&running.journal.status())).await;
    assert!(!early, "a full disk was taken for a good one");
    ballast.free();
    assert!(until(SOON, || running.journal.status() == JournalStatus::Ok).await);
    assert_eq!(running.journal.head(), head, "a probe is no event");
    assert_eq!(
        running.append(append("p", vec![event("x", 0)])).await.unwrap().first,
        head.next()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_to_a_full_disk_fails_and_leaves_journal_and_disk_as_they_were() {
    let Some(disk) = Disk::mount() else { return };
    let running = Running::start(vec![]).await;
    running.append(append("p", vec![event("x", 0); 10_000])).await.unwrap();
    let ballast = disk.fill();
    let to = disk.0.path().join("backup.db");
    assert!(running.journal.backup(&to).is_err());
    assert_eq!(names(disk.0.path()), ["ballast"]);
    ballast.free();
    assert_eq!(running.journal.backup(&to).unwrap().head, Seq(10_000));
    assert_eq!(running.journal.status(), JournalStatus::Ok);
}

/// The journal on a disk in trouble: whatever opening it says, the file is neither moved nor shortened.
fn assert_not_judged(config: &JournalConfig) {
    let before = std::fs::read(&config.path).unwrap();
    if let Ok((journal, _child)) = Journal::open(config, vec![]) {
        assert_eq!((journal.head(), &journal.opened().set_aside), (Seq(500), &None));
    }
    assert_eq!(std::fs::read(&config.path).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn journal_on_a_full_or_read_only_disk_is_not_taken_for_a_damaged_one() {
    let Some(disk) = Disk::mount() else { return };
    let running = Running::at(disk.journal(), vec![]).await;
    running.append(append("p", vec![event("x", 0); 500])).await.unwrap();
    running.supervision.shutdown(SOON).await;
    drop(running);
    let ballast = disk.fill();
    assert_not_judged(&disk.journal());
    ballast.free();
    disk.remount("ro").await;
    assert!(Journal::open(&disk.journal(), vec![]).is_err());
    assert_not_judged(&disk.journal());
    disk.remount("rw").await;
    let running = Running::at(disk.journal(), vec![]).await;
    assert_eq!(
        running.append(append("p", vec![event("x", 0)])).await.unwrap().first,
        Seq(501)
    );
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Waits for a condition; whether it came true in time.
async fn until(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}
