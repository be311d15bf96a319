//! A disk in trouble under the whole station: full, standing still, read-only. What the log says meanwhile is not lost, and
//! nothing is restarted for it.
//!
//! The disks are real: a small memory file system, and one on a loop device. Where mounting is not permitted, the tests go
//! on in a user namespace of their own; where that is not either, they are skipped with a word.
//! The long version: `STATIOND_FULL_S=60 cargo nextest run -p stationd disk::`.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{LIMIT, Stage, Station, stationd};
use crate::traffic::{Traffic, assert_same, breathe, setting, wait_read};

/// Moves the journal to another place than the configuration of the stage says.
const JOURNAL: &str = "STATIOND__JOURNAL__PATH";
/// Says that a test runs in a user namespace already.
const NAMESPACE: &str = "STATIOND_TEST_NAMESPACE";
/// Decides the traffic.
const SEED: u64 = 11;
/// Size of the disks, in MiB: the journal of one test, several times over.
const DISK_MB: u64 = 32;
/// Lines of a debug log, before one of calls only.
const DEBUG_LINES: usize = 10_000;
/// Lines in a burst.
const BURST: usize = 200;
/// Bursts before the trouble and after it.
const BURSTS: usize = 20;
/// How long a disk stands still: longer than an actor may hold its thread (five seconds) before it counts as hung.
const STALL: Duration = Duration::from_secs(8);

/// A small disk of its own, unmounted in the end.
struct Disk {
    mount: TempDir,
    /// What it is on, if it is a block device.
    image: Option<TempDir>,
}

impl Disk {
    /// In memory.
    fn in_memory() -> Option<Disk> {
        let disk = Disk {
            mount: TempDir::new().unwrap(),
            image: None,
        };
        disk.attach().then_some(disk)
    }

    /// A file system as a memory card has it.
    fn on_loop_device() -> Option<Disk> {
        let image = TempDir::new().unwrap();
        let file = image.path().join("image");
        File::create(&file).unwrap().set_len(DISK_MB * 1024 * 1024).unwrap();
        let made = run(Command::new("mkfs.ext4").arg("-q").arg(&file));
        let disk = Disk {
            mount: TempDir::new().unwrap(),
            image: Some(image),
        };
        (made && disk.attach()).then_some(disk)
    }

    fn attach(&self) -> bool {
        let mut mount = Command::new("mount");
        match &self.image {
            None => mount.args(["-t", "tmpfs", "-o", &format!("size={DISK_MB}m"), "tmpfs"]),
            Some(image) => mount.args(["-o", "loop"]).arg(image.path().join("image")),
        };
        run(mount.arg(self.mount.path()))
    }

    fn detach(&self) -> bool {
        run(Command::new("umount").arg(self.mount.path()))
    }

    fn journal(&self) -> String {
        let path = self.mount.path().join("journal.db");
        path.to_str().unwrap().to_owned()
    }

    /// Takes all the space that is left; gone with the file.
    fn fill(&self) -> Ballast {
        let path = self.mount.path().join("ballast");
        let mut file = File::create(&path).unwrap();
        for size in [65_536, 4096, 512, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        Ballast(path)
    }

    fn remount(&self, how: &str) {
        let how = format!("remount,{how}");
        assert!(run(Command::new("mount").args(["-o", &how]).arg(self.mount.path())));
    }

    /// What it is asked to write waits until it is thawed.
    fn freeze(&self) -> Frozen<'_> {
        assert!(run(Command::new("fsfreeze").arg("--freeze").arg(self.mount.path())));
        Frozen(self)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // One that was never mounted is none to unmount.
        drop(
            Command::new("umount")
                .arg("--lazy")
                .arg(self.mount.path())
                .stderr(Stdio::null())
                .status(),
        );
    }
}

struct Ballast(PathBuf);

impl Ballast {
    fn free(self) {
        fs::remove_file(self.0).unwrap();
    }
}

/// Thawed in any case: whoever waits for a frozen disk cannot be killed.
struct Frozen<'a>(&'a Disk);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let thawed = run(Command::new("fsfreeze").arg("--unfreeze").arg(self.0.mount.path()));
        assert!(thawed || thread::panicking());
    }
}

fn run(command: &mut Command) -> bool {
    command
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs `body` on a disk; in a namespace in which this user may mount, if not here.
fn on(disk: fn() -> Option<Disk>, test: &str, body: fn(&Disk)) {
    if let Some(disk) = disk() {
        return body(&disk);
    }
    let namespace = ["--user", "--map-root-user", "--mount"];
    let permitted = std::env::var_os(NAMESPACE).is_none() && run(Command::new("unshare").args(namespace).arg("true"));
    if !permitted {
        eprintln!("SKIPPED {test}: no permission to mount a disk of this kind");
        return;
    }
    let mut again = Command::new("unshare");
    again.args(namespace).arg(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]).env(NAMESPACE, "1");
    assert!(again.status().unwrap().success());
}

/// Writes some of the log.
fn bursts(traffic: &mut Traffic) {
    for _ in 0..BURSTS {
        traffic.burst(BURST);
        breathe();
    }
}

/// Why the journal cannot store anything, as health says it.
fn trouble(health: &Value) -> Option<&str> {
    let causes = health["causes"].as_array()?;
    let cause = causes.iter().find(|cause| cause["subject"] == "journal")?;
    cause["reason"].as_str()
}

/// Goes on writing the log until health names the journal; answers why.
fn wait_trouble(station: &Station, traffic: &mut Traffic) -> String {
    let health = station.wait_for("/api/v1/health", |health| {
        traffic.burst(BURST);
        trouble(health).is_some()
    });
    assert_eq!(health["health"], "degraded");
    trouble(&health).unwrap().to_owned()
}

fn assert_answers(station: &Station) {
    for path in ["/api/v1/repeater/calls", "/api/v1/events", "/api/v1/actors"] {
        let (status, page) = station.get(path);
        assert_eq!(status, 200, "{path}: {page:#}");
    }
}

/// Ends the log; compares with a station on a good disk.
fn assert_nothing_lost(station: &Station, stage: &Stage, traffic: Traffic) {
    let end = traffic.end();
    wait_read(station, &end);
    let undisturbed_stage = stage.beside();
    let undisturbed = Station::run(&undisturbed_stage);
    wait_read(&undisturbed, &end);
    assert_same(station, &undisturbed);
}

fn assert_nobody_restarted(station: &Station) {
    let mut open = vec![station.get("/api/v1/actors").1];
    while let Some(node) = open.pop() {
        assert_eq!(
            (&node["restarts"], &node["state"]),
            (&0.into(), &"running".into()),
            "{node:#}"
        );
        open.extend(node["children"].as_array().unwrap().iter().cloned());
    }
}

#[test]
fn station_on_a_disk_that_fills_waits_and_goes_on_once_it_is_freed() {
    on(
        Disk::in_memory,
        "disk::station_on_a_disk_that_fills_waits_and_goes_on_once_it_is_freed",
        |disk| {
            let full = Duration::from_secs(u64::try_from(setting("STATIOND_FULL_S", 3)).unwrap());
            let stage = Stage::new();
            let mut traffic = Traffic::new(stage.logs(), SEED, DEBUG_LINES);
            let station = Station::run_with(&stage, JOURNAL, &disk.journal());
            bursts(&mut traffic);
            station.wait_for("/api/v1/repeater/calls", |page| page["items"][0].is_object());

            let ballast = disk.fill();
            let reason = wait_trouble(&station, &mut traffic);
            assert!(reason.contains("full"), "{reason}");
            let until = Instant::now() + full;
            while Instant::now() < until {
                traffic.burst(1);
                assert_answers(&station);
                assert!(trouble(&station.get("/api/v1/health").1).is_some());
                breathe();
            }
            ballast.free();
            station.wait_for("/api/v1/health", |health| trouble(health).is_none());
            bursts(&mut traffic);
            assert_nothing_lost(&station, &stage, traffic);
            assert_nobody_restarted(&station);
        },
    );
}

#[test]
fn station_on_a_disk_that_stands_still_waits_and_nobody_is_taken_for_hung() {
    on(
        Disk::on_loop_device,
        "disk::station_on_a_disk_that_stands_still_waits_and_nobody_is_taken_for_hung",
        |disk| {
            let stage = Stage::new();
            let mut traffic = Traffic::new(stage.logs(), SEED, DEBUG_LINES);
            let station = Station::run_with(&stage, JOURNAL, &disk.journal());
            bursts(&mut traffic);
            let frozen = disk.freeze();
            let until = Instant::now() + STALL;
            while Instant::now() < until {
                traffic.burst(1);
                breathe();
            }
            drop(frozen);
            assert_nothing_lost(&station, &stage, traffic);
            assert_nobody_restarted(&station);
        },
    );
}

#[test]
fn station_whose_disk_turns_read_only_serves_on_and_loses_nothing_over_its_repair() {
    on(
        Disk::on_loop_device,
        "disk::station_whose_disk_turns_read_only_serves_on_and_loses_nothing_over_its_repair",
        |disk| {
            let stage = Stage::new();
            let mut traffic = Traffic::new(stage.logs(), SEED, DEBUG_LINES);
            let station = Station::run_with(&stage, JOURNAL, &disk.journal());
            bursts(&mut traffic);
            station.wait_for("/api/v1/repeater/calls", |page| page["items"][0].is_object());

            // What the system does when a card fails under it. It takes no writes again before it is mounted anew.
            disk.remount("abort");
            let reason = wait_trouble(&station, &mut traffic);
            println!("read-only: {reason}");
            assert_answers(&station);
            assert_nobody_restarted(&station);
            drop(station);

            assert!(disk.detach());
            assert!(disk.attach());
            let station = Station::run_with(&stage, JOURNAL, &disk.journal());
            bursts(&mut traffic);
            assert_nothing_lost(&station, &stage, traffic);
        },
    );
}

#[test]
fn station_that_starts_on_a_full_disk_says_so_and_waits_if_its_journal_can_be_opened_at_all() {
    on(
        Disk::in_memory,
        "disk::station_that_starts_on_a_full_disk_says_so_and_waits_if_its_journal_can_be_opened_at_all",
        |disk| {
            let stage = Stage::new();
            let mut traffic = Traffic::new(stage.logs(), SEED, DEBUG_LINES);
            let ballast = disk.fill();
            assert_refuses(&stage, disk, "full");
            ballast.free();

            let mut station = Station::run_with(&stage, JOURNAL, &disk.journal());
            bursts(&mut traffic);
            station.wait_for("/api/v1/repeater/calls", |page| page["items"][0].is_object());
            station.signal("-TERM");
            assert!(station.wait_end().success());
            // An orderly end leaves nothing beside the journal that is of use; a reader may have left it all the same.
            for beside in ["-wal", "-shm"] {
                drop(fs::remove_file(disk.journal() + beside));
            }
            let ballast = disk.fill();
            assert_refuses(&stage, disk, "full");
            ballast.free();

            // A power cut leaves what the journal needs to be opened.
            drop(Station::run_with(&stage, JOURNAL, &disk.journal()));
            let ballast = disk.fill();
            let station = Station::run_with(&stage, JOURNAL, &disk.journal());
            let reason = wait_trouble(&station, &mut traffic);
            assert!(reason.contains("full"), "{reason}");
            assert_answers(&station);
            ballast.free();
            station.wait_for("/api/v1/health", |health| trouble(health).is_none());
            assert_nothing_lost(&station, &stage, traffic);
            assert_nobody_restarted(&station);
        },
    );
}

/// The start fails, and says why: the process manager tries again.
fn assert_refuses(stage: &Stage, disk: &Disk, reason: &str) {
    let mut command = stationd();
    command.arg("run").arg("--config").arg(stage.config());
    command.env(JOURNAL, disk.journal()).env("STATIOND__WEB__PORT", "0");
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + LIMIT;
    while process.try_wait().unwrap().is_none() && Instant::now() < deadline {
        breathe();
    }
    // One that came up all the same is no success of this test.
    drop(process.kill());
    let end = process.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&end.stderr);
    assert!(
        end.status.code().is_some_and(|code| code > 0) && said.contains(reason),
        "{:?}: {said}",
        end.status
    );
}
