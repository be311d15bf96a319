//! Every line form of the file eras, one file a mode: the text of a line, below it what it means.
//!
//! A text stands without its frame, at level M unless it says another one first (`E: ..`).
//! `REWRITE_FORMS=1` writes the meanings anew; they are then reviewed like code.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use stationd_repeater::grammar::{End, Figures, Line, Parties, Reader, Record, Start, Text};

/// What stands before a meaning.
const MEANS: &str = "    = ";

#[test]
fn line_forms_mean_what_their_files_say() {
    for mode in ["dstar", "dmr", "ysf", "p25", "nxdn", "m17", "host", "gateway"] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/lines/{mode}.txt"));
        let wanted = std::fs::read_to_string(&path).unwrap();
        let found = with_meanings(&wanted);
        if std::env::var_os("REWRITE_FORMS").is_some() {
            std::fs::write(&path, &found).unwrap();
            continue;
        }
        compare(&path, &wanted, &found);
    }
}

fn compare(path: &Path, wanted: &str, found: &str) {
    for (number, (wanted, found)) in wanted.lines().zip(found.lines()).enumerate() {
        assert_eq!(wanted, found, "{}:{}", path.display(), number + 1);
    }
    assert_eq!(wanted.lines().count(), found.lines().count(), "{}", path.display());
}

fn with_meanings(file: &str) -> String {
    let mut text = String::new();
    for line in file.lines().filter(|line| !line.starts_with(MEANS)) {
        writeln!(text, "{line}\n{MEANS}{}", meaning(line)).unwrap();
    }
    text
}

fn meaning(line: &str) -> String {
    let (level, text) = match line.as_bytes() {
        [level @ (b'D' | b'I' | b'W' | b'E' | b'F'), b':', b' ', ..] => (char::from(*level), &line[3..]),
        _ => ('M', line),
    };
    let framed = format!("{level}: 2026-11-21 06:48:16.195 {text}");
    let mut meanings = Vec::new();
    Reader::default().read(framed.as_bytes(), |record| meanings.push(tell(&record)));
    meanings.join("; ")
}

fn tell(record: &Record<'_>) -> String {
    if let Line::Started(start) = &record.line {
        started(start)
    } else if let Line::Ended(end) = &record.line {
        ended(end)
    } else {
        format!("{:?}", record.line)
    }
}

fn started(start: &Start<'_>) -> String {
    let channel = start.channel;
    let slot = channel.slot.map_or(String::new(), |slot| format!("/{slot}"));
    let late = if start.late { " late" } else { "" };
    let via = start.via.as_ref().map_or(String::new(), |via| format!(" via {via}"));
    let people = people(&start.parties);
    let tail = tail(&start.rest);
    format!(
        "start {}{slot} {:?} {:?}{late}: {people}{via}{tail}",
        channel.mode, channel.source, start.kind
    )
}

fn ended(end: &End<'_>) -> String {
    let kind = end.kind.map_or(String::new(), |kind| format!(" {kind:?}"));
    let channel = end.channel;
    let slot = channel.slot.map_or(String::new(), |slot| format!("/{slot}"));
    let people = end.parties.as_ref().map_or("nobody named".to_owned(), people);
    let Figures {
        duration_ms,
        loss_percent,
        ber_percent,
        rssi_dbm,
    } = end.figures;
    let mut text = format!(
        "{:?} {}{slot} {:?}{kind}: {people}",
        end.ending, channel.mode, channel.source
    );
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            write!(text, ", {name} {value}").unwrap();
        }
    };
    add("ms", duration_ms.map(|ms| ms.to_string()));
    add("loss", loss_percent.map(|loss| loss.to_string()));
    add("ber", ber_percent.map(|ber| ber.to_string()));
    add(
        "rssi",
        rssi_dbm.map(|rssi| format!("{}/{}/{}", rssi.min, rssi.max, rssi.avg)),
    );
    text + &tail(&end.rest)
}

fn people(parties: &Parties<'_>) -> String {
    let name = |text: &Option<Text<'_>>| text.as_ref().map_or("?".to_owned(), Text::to_string);
    let suffix = parties
        .suffix
        .as_ref()
        .map_or(String::new(), |suffix| format!(" ({suffix})"));
    let kind = parties.kind.map_or(String::new(), |kind| format!(" [{kind:?}]"));
    format!("{}{suffix} > {}{kind}", name(&parties.from), name(&parties.to))
}

fn tail(rest: &Text<'_>) -> String {
    if rest.is_empty() {
        String::new()
    } else {
        format!(", rest {rest:?}")
    }
}
