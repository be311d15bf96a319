//! Finished logs, read from end to end: bytes in, documents out. No actors, no clock, no files.

use model::repeater::Document;

use crate::grammar::{Lines, Reader, Tally};
use crate::machine::{Emitted, Machine};

/// Reads logs as they come, in chunks of any size.
#[derive(Debug, Default)]
pub struct Replay {
    lines: Lines,
    reader: Reader,
    machine: Machine,
    emitted: Vec<Emitted>,
}

impl Replay {
    /// Takes the next chunk of a log; the documents of its complete lines go to `sink`, in order.
    pub fn push(&mut self, chunk: &[u8], sink: &mut impl FnMut(Document)) {
        let Replay {
            lines,
            reader,
            machine,
            emitted,
        } = self;
        lines.push(chunk, |line| step(reader, machine, emitted, line, sink));
    }

    /// A file ends: its last line is complete even without a newline. Calls go on in the next file.
    pub fn end_of_file(&mut self, sink: &mut impl FnMut(Document)) {
        let Replay {
            lines,
            reader,
            machine,
            emitted,
        } = self;
        lines.finish(|line| step(reader, machine, emitted, line, sink));
    }

    /// The last log ends: calls that are still open are told as they stand.
    pub fn finish(&mut self, sink: &mut impl FnMut(Document)) {
        self.end_of_file(sink);
        self.reader
            .finish(|record| self.machine.step(&record, &mut self.emitted));
        self.machine.finish(&mut self.emitted);
        tell(&mut self.emitted, sink);
    }

    /// How many lines were not recognised, by kind.
    pub fn unrecognised(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        self.tally().by_kind().into_iter()
    }

    /// What was read, and what was not recognised.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        self.reader.tally()
    }
}

fn step(
    reader: &mut Reader,
    machine: &mut Machine,
    emitted: &mut Vec<Emitted>,
    line: &[u8],
    sink: &mut impl FnMut(Document),
) {
    reader.read(line, |record| {
        if record.line.matters() {
            machine.step(&record, emitted);
        }
    });
    tell(emitted, sink);
}

fn tell(emitted: &mut Vec<Emitted>, sink: &mut impl FnMut(Document)) {
    let documents = emitted
        .drain(..)
        .filter_map(|Emitted { at, event }| Document::of(at, event));
    documents.for_each(sink);
}
