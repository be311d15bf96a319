//! The recorded log, field by field.

use model::repeater::Document;

use crate::support::replay;

const LOG: &[u8] = include_bytes!("../../testdata/MMDVM-2026-11-21.log");
const EXPECTED: &str = include_str!("../../testdata/expected.jsonl");

#[test]
fn recorded_log_gives_its_calls_field_by_field() {
    let (documents, _) = replay(LOG);
    let calls = documents.iter().filter(|document| matches!(document, Document::Qso(_)));
    let printed: Vec<String> = calls.map(|call| serde_json::to_string(call).unwrap()).collect();
    // The file has blanks behind colons and commas; order of the fields and form of the numbers are compared too.
    let wanted: Vec<String> = EXPECTED
        .lines()
        .map(|line| line.replace("\": ", "\":").replace(", \"", ",\""))
        .collect();
    assert_eq!(printed, wanted);
}

#[test]
fn recorded_log_is_recognised_to_the_last_line() {
    let (_, tally) = replay(LOG);
    assert_eq!((tally.lines, tally.unrecognised()), (1982, 0), "{tally:?}");
}
