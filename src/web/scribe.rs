//! Frames as they go over the wire: what thousands of sessions send is written once and shared.
//!
//! Owns: the newest texts, one a slot; a slot is taken over by whatever comes next to it. Sessions follow closely behind each
//! other, so a few slots are enough; one that is far behind writes for itself.

use std::sync::Arc;

use bytestring::ByteString;
use model::Signal;
use parking_lot::Mutex;

use super::feed::Frame;

/// Texts that are kept, of events and of signals each. Some hundred bytes each.
const SLOTS: usize = 256;

/// Distance of two values in memory at least, in bytes: what is below it tells nothing apart.
const ALLOCATION_BYTES: usize = 16;

/// The newest texts; clones share them.
#[derive(Clone)]
pub(super) struct Scribe(Arc<Desk>);

struct Desk {
    events: [Slot; SLOTS],
    signals: [Slot; SLOTS],
}

/// What was written here last, and the text.
type Slot = Mutex<Option<(Frame, ByteString)>>;

impl Default for Scribe {
    fn default() -> Scribe {
        Scribe(Arc::new(Desk {
            events: std::array::from_fn(|_| Slot::default()),
            signals: std::array::from_fn(|_| Slot::default()),
        }))
    }
}

impl Scribe {
    /// The text of a frame.
    pub(super) fn text(&self, frame: Frame) -> ByteString {
        let Some(slot) = self.slot(&frame) else {
            return frame.json().into();
        };
        let mut slot = slot.lock();
        if let Some((_, text)) = slot.as_ref().filter(|(written, _)| is_same(written, &frame)) {
            return text.clone();
        }
        let text = ByteString::from(frame.json());
        *slot = Some((frame, text.clone()));
        text
    }

    /// Where the text of this frame is kept; `None` for what only one session is told.
    fn slot(&self, frame: &Frame) -> Option<&Slot> {
        match frame {
            Frame::Event(event) => usize::try_from(event.seq.0)
                .ok()
                .and_then(|seq| self.0.events.get(seq % SLOTS)),
            Frame::Signal(signal) => {
                let place = Arc::as_ptr(&signal.data).addr() / ALLOCATION_BYTES;
                self.0.signals.get(place % SLOTS)
            }
            Frame::Snapshot(_) | Frame::Lagged { .. } | Frame::Error(_) => None,
        }
    }
}

/// Whether both have the same text, seen without reading them. The slot holds what it was written from, so that its place
/// in memory belongs to nobody else.
fn is_same(written: &Frame, frame: &Frame) -> bool {
    match (written, frame) {
        (Frame::Event(a), Frame::Event(b)) => a.seq == b.seq,
        (Frame::Signal(a), Frame::Signal(b)) => is_same_signal(a, b),
        _ => false,
    }
}

fn is_same_signal(a: &Signal, b: &Signal) -> bool {
    Arc::ptr_eq(&a.data, &b.data) && Arc::ptr_eq(&a.name, &b.name) && a.at == b.at && a.source == b.source
}

#[cfg(test)]
mod tests {
    use model::{Event, Seq, Source, Timestamp};
    use serde_json::value::to_raw_value;

    use super::*;

    fn signal(value: u32) -> Signal {
        Signal {
            at: Timestamp::from_unix_ms(0),
            source: Source::new("test"),
            name: "level".into(),
            data: Arc::from(to_raw_value(&value).unwrap()),
        }
    }

    fn event(seq: u64) -> Frame {
        Frame::Event(Arc::new(Event {
            seq: Seq(seq),
            at: Timestamp::from_unix_ms(0),
            source: Source::new("test"),
            event_type: "noted".into(),
            data: Arc::from(to_raw_value(&seq).unwrap()),
        }))
    }

    #[test]
    fn frame_is_written_once_and_its_text_shared() {
        let scribe = Scribe::default();
        let level = Frame::Signal(signal(7));
        for frame in [event(5), level] {
            let first = scribe.text(frame.clone());
            assert_eq!(first, frame.json());
            let second = scribe.clone().text(frame);
            assert_eq!(first.as_ptr(), second.as_ptr());
        }
    }

    #[test]
    fn frames_that_meet_in_a_slot_keep_their_own_texts() {
        let scribe = Scribe::default();
        let far = u64::try_from(SLOTS).unwrap();
        for seq in [1, 1 + far, 1, 1 + far] {
            assert_eq!(scribe.text(event(seq)), event(seq).json());
        }
        for value in 0..1000 {
            let frame = Frame::Signal(signal(value));
            assert_eq!(scribe.text(frame.clone()), frame.json());
        }
    }
}
