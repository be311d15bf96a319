//! The simulated host keeps the habits of the real one.

use std::time::Duration;

use model::Timestamp;
use stationd_sim::DailyLog;
use stationd_sim::mmdvm::{Host, HostSettings, Level, Line, log};

/// 2026-11-21T06:00:00Z
fn start() -> Timestamp {
    Timestamp::from_unix_ms(1_795_240_800_000)
}

fn hours(hours: u64, seed: u64) -> Vec<Line> {
    let settings = HostSettings {
        seed,
        start: start(),
        level: Level::Message,
    };
    let end = start().plus(Duration::from_secs(hours * 3600));
    Host::new(settings).take_while(|line| line.at < end).collect()
}

#[test]
fn host_never_goes_back_in_time() {
    for seed in 0..20 {
        let lines = hours(2, seed);
        assert!(lines.windows(2).all(|pair| pair[0].at <= pair[1].at), "seed {seed}");
    }
}

#[test]
fn host_with_a_past_is_quiet_in_it_and_busy_as_soon_as_somebody_looks() {
    let settings = HostSettings {
        seed: 5,
        start: start(),
        level: Level::Message,
    };
    let day = Duration::from_secs(24 * 3600);
    let minute = Duration::from_secs(60);
    let lines = || Host::with_past(settings, day);
    assert_eq!(lines().next().unwrap().at, start().minus(day));
    let past = lines().take_while(|line| line.at < start()).count();
    assert!((1000..10_000).contains(&past), "{past} lines of a day");
    let headers = lines()
        .skip_while(|line| line.at < start())
        .take_while(|line| line.at < start().plus(minute))
        .filter(|line| line.text.contains("voice header"));
    assert!(headers.count() >= 3, "nobody speaks when somebody looks");
}

#[test]
fn host_with_the_same_seed_says_the_same() {
    assert_eq!(hours(1, 5), hours(1, 5));
    assert_ne!(hours(1, 5), hours(1, 6));
}

#[test]
fn host_lines_are_framed_and_fit_the_hosts_buffer() {
    for line in log(50_000, 3).split(|byte| *byte == b'\n') {
        let text = std::str::from_utf8(line).unwrap();
        assert!(line.len() <= 499, "{text}");
        let Some((frame, rest)) = text.split_at_checked(27) else {
            assert!(text.is_empty(), "{text:?}");
            continue;
        };
        let (level, at) = frame.split_once(": ").unwrap();
        assert!(["D", "M", "I", "W", "E"].contains(&level), "{text}");
        assert!(format!("{}Z", at.trim_end()).parse::<Timestamp>().is_ok(), "{text}");
        assert!(!rest.is_empty(), "{text}");
    }
}

#[test]
fn host_leaves_a_mode_before_it_enters_another() {
    for seed in 0..10 {
        let mut mode = "Idle".to_owned();
        for line in hours(6, seed) {
            if let Some(next) = line.text.strip_prefix("Mode set to ") {
                assert!(mode == "Idle" || next == "Idle", "seed {seed}: {mode}, then {line}");
                next.clone_into(&mut mode);
            }
        }
    }
}

#[test]
fn host_lets_nobody_talk_on_both_slots_or_to_himself() {
    let lines = hours(24, 4);
    let headers = lines.iter().filter(|line| line.text.contains("voice header from "));
    let parties: Vec<_> = headers
        .filter_map(|line| line.text.split_once(" from ")?.1.split_once(" to "))
        .collect();
    assert!(parties.len() > 1000);
    assert!(parties.iter().all(|(from, to)| from != to));
    let mut open = [None, None];
    for line in &lines {
        let Some((slot, text)) = line
            .text
            .strip_prefix("DMR Slot ")
            .and_then(|rest| rest.split_once(", "))
        else {
            continue;
        };
        let slot = usize::from(slot == "2");
        if text.contains("header from") || text.contains("late entry from") {
            open[slot] = text.split_once(" from ").and_then(|(_, rest)| rest.split(' ').next());
            assert!(open[0].is_none() || open[0] != open[1], "{line}");
        } else if !text.starts_with("Talker") {
            open[slot] = None;
        }
    }
}

#[test]
fn host_is_busy_enough_to_watch() {
    let starts = |line: &&Line| {
        let call = ["header from", "late entry", "data from", "transmission from"];
        let over = ["end of", "lost", "ended", "wrong repeater"];
        call.iter().any(|words| line.text.contains(words)) && !over.iter().any(|words| line.text.contains(words))
    };
    let lines = hours(10, 1);
    let calls = lines.iter().filter(starts).count();
    let each_s = 36_000 / calls;
    assert!((5..=8).contains(&each_s), "a call every {each_s} s");
}

#[test]
fn host_shows_every_mode_and_every_kind_of_trouble_within_a_day() {
    let lines = hours(24, 2);
    for form in [
        "Mode set to D-Star",
        "Mode set to DMR",
        "Mode set to System Fusion",
        "Mode set to P25",
        "Mode set to NXDN",
        "Mode set to M17",
        "Mode set to POCSAG",
        "Mode set to FM",
        "AX.25, ",
        "DMR Slot 1, received RF voice header from ",
        "DMR Slot 2, received network voice header from ",
        "DMR Slot 1, received RF late entry from ",
        "DMR Slot 2, RF voice transmission lost from ",
        "DMR Slot 2, network watchdog has expired, ",
        "DMR Slot 1, RF user has timed out",
        "DMR Slot 1, network user has timed out",
        "DMR Slot 2, RF user 2349917 rejected",
        "DMR Slot 2, Talker Alias \"M0QNA Nora\"",
        "DMR Slot 1, ended RF data transmission",
        "GPS position [",
        "D-Star, network watchdog has expired, ",
        "D-Star, RF slow data text = \"Nora, Marlow Hill   \"",
        "D-Star link status set to \"Linked to XRF757 A  \"",
        "YSF, received network data from DL1QJB     to DG-ID 1 at FCS00290  ",
        "YSF, transmission lost from ",
        "P25, network end of transmission from ",
        "NXDN, received RF end of transmission from ",
        "M17, text Data: \"73 de Nora, Marlow Hill\"",
        "No reply from the modem for some time, resetting it",
        "Debug: Mode set to DMR",
    ] {
        assert!(
            lines.iter().any(|line| line.text.starts_with(form)),
            "nobody said: {form}"
        );
    }
}

#[test]
fn host_hides_what_is_below_its_level() {
    assert!(hours(1, 1).iter().all(|line| line.level > Level::Debug));
    let debug = log(10_000, 1);
    assert!(debug.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"D: ")));
}

#[test]
fn host_that_is_told_to_go_leaves_its_mode_first() {
    let farewell = Host::farewell(start());
    let texts: Vec<_> = farewell.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts.first(), Some(&"Mode set to Idle"));
    assert_eq!(texts.last(), Some(&"MMDVMHost-20250607 exited on receipt of SIGTERM"));
}

#[test]
fn daily_log_begins_a_file_with_the_first_line_after_utc_midnight() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("mmdvm");
    let mut files = DailyLog::new(&directory, "MMDVM");
    let midnight = Timestamp::from_civil((2026, 11, 22), (0, 0, 0), 0).unwrap();
    let say = |at, text: &str| Line {
        at,
        level: Level::Message,
        text: text.to_owned(),
    };
    files
        .append(&say(midnight.minus(Duration::from_millis(1)), "late"))
        .unwrap();
    files.append(&say(midnight, "early")).unwrap();
    files.append(&say(midnight, "again")).unwrap();
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    assert_eq!(read("MMDVM-2026-11-21.log"), "M: 2026-11-21 23:59:59.999 late\n");
    assert_eq!(
        read("MMDVM-2026-11-22.log"),
        "M: 2026-11-22 00:00:00.000 early\nM: 2026-11-22 00:00:00.000 again\n"
    );
}
