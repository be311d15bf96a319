//! A log as it lies on the disk, or anything else that lies there.

use model::repeater::Document;
use repeater::replay::Replay;

use crate::ledger::printable;

/// Reads the bytes as a log: nothing panics, what is said is printable, every line is counted, and it does not matter where
/// the chunks were cut.
///
/// # Panics
/// When one of these does not hold.
pub fn grammar(log: &[u8]) {
    let (whole, lines) = read([log]);
    // The first byte says where else to cut.
    let size = log.first().map_or(1, |byte| usize::from(*byte) + 1);
    let (cut, lines_cut) = read(log.chunks(size));
    assert!(
        cut == whole && lines_cut == lines,
        "other documents in chunks of {size}"
    );

    let written = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    let newlines = log.iter().filter(|byte| **byte == b'\n').count();
    let fits = u64::try_from(written).is_ok_and(|written| lines >= written);
    assert!(
        fits && lines <= u64::try_from(newlines).unwrap_or(u64::MAX) + 1,
        "{lines} lines of {written}"
    );
    for document in &whole {
        printable(&serde_json::to_value(document).unwrap_or_default());
    }
}

fn read<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Document>, u64) {
    let mut replay = Replay::default();
    let mut documents = Vec::new();
    for chunk in chunks {
        replay.push(chunk, &mut |document| documents.push(document));
    }
    replay.finish(&mut |document| documents.push(document));
    (documents, replay.tally().lines)
}
