//! Genuine lines in an order and at times that no host would write them: the bytes are a program, three a step.

use std::sync::LazyLock;

use model::Timestamp;
use repeater::grammar::Reader;
use repeater::machine::{Emitted, Machine};

use crate::ledger::{Ledger, restored};

/// Every known form of a line, one file a mode.
const FORMS: [&str; 8] = [
    include_str!("../../../actors/repeater/testdata/lines/dmr.txt"),
    include_str!("../../../actors/repeater/testdata/lines/dstar.txt"),
    include_str!("../../../actors/repeater/testdata/lines/gateway.txt"),
    include_str!("../../../actors/repeater/testdata/lines/host.txt"),
    include_str!("../../../actors/repeater/testdata/lines/m17.txt"),
    include_str!("../../../actors/repeater/testdata/lines/nxdn.txt"),
    include_str!("../../../actors/repeater/testdata/lines/p25.txt"),
    include_str!("../../../actors/repeater/testdata/lines/ysf.txt"),
];

/// In those files this stands before a line's meaning.
const MEANS: &str = "    = ";

/// When the log begins: 2026-11-21 12:00 UTC.
const BEGIN: i64 = 1_795_262_400_000;

static LINES: LazyLock<Vec<(char, &str)>> = LazyLock::new(|| {
    let lines = FORMS.iter().flat_map(|form| form.lines());
    lines.filter(|line| !line.starts_with(MEANS)).map(levelled).collect()
});

/// A form stands at level M unless it says another one first.
fn levelled(line: &'static str) -> (char, &'static str) {
    let level = line.chars().next().filter(|level| "DIWEF".contains(*level));
    let text = line.split_once(": ").filter(|(level, _)| level.len() == 1);
    level.zip(text).map_or(('M', line), |(level, (_, text))| (level, text))
}

/// Runs the program: what is told never contradicts itself nor the state, whatever happens in between.
///
/// # Panics
/// When it does.
pub fn state_machine(program: &[u8]) {
    let (mut reader, mut machine) = (Reader::default(), Machine::default());
    let (mut ledger, mut facts) = (Ledger::default(), Vec::<Emitted>::new());
    let mut now = BEGIN;
    for step in program.chunks_exact(3) {
        let [high, low, wait] = *step else { continue };
        now = now.saturating_add(milliseconds(wait));
        let at = Timestamp::from_unix_ms(now);
        // Of 256 first bytes three are no line.
        match high {
            255 => machine.advance(at, &mut facts),
            254 => machine = restored(&machine).unwrap_or_default(),
            253 => machine.host_gone(at, &mut facts),
            _ => {
                let number = usize::from(u16::from_be_bytes([high, low]));
                let Some((level, text)) = number.checked_rem(LINES.len()).and_then(|number| LINES.get(number)) else {
                    continue;
                };
                reader.read(record(*level, at, text).as_bytes(), |record| {
                    machine.step(&record, &mut facts)
                });
            }
        }
        ledger.enter(&facts);
        facts.clear();
        ledger.agree(&machine.state());
    }
    machine.finish(&mut facts);
    ledger.enter(&facts);
    ledger.close();
    let _still_fits = restored(&machine).is_some();
}

fn record(level: char, at: Timestamp, text: &str) -> String {
    let at = at.to_string().replace('T', " ");
    format!("{level}: {} {text}", at.trim_end_matches('Z'))
}

/// Most steps are short, some are hours, some go back.
fn milliseconds(wait: u8) -> i64 {
    let wait = i64::from(wait);
    match wait {
        0..200 => wait * 20,
        200..230 => (wait - 199) * 5_000,
        230..240 => (wait - 229) * 3_600_000,
        240..250 => (239 - wait) * 1_000,
        _ => (249 - wait) * 40_000_000,
    }
}
