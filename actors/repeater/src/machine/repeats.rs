//! What the host says again and again, told once.

use std::time::Duration;

use model::Timestamp;
use model::repeater::{Fault, RepeaterEvent};
use serde::{Deserialize, Serialize};

use super::Emitted;
use super::clock::{Tick, after};

/// Repeats within this time are one fact: a refused radio is refused again with every header frame.
const SAME_FACT: Duration = Duration::from_secs(2);
/// How often the same complaint is told; a full buffer complains four times a second.
const SAME_FAULT: Duration = Duration::from_secs(60);
/// Most facts and most faults that are remembered.
const MOST: usize = 32;

/// Facts that were just told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Repeats {
    seen: Vec<(String, Tick)>,
}

impl Repeats {
    /// Whether `fact` is news; the time runs from when it was last said, not from when it was told.
    pub(super) fn is_news(&mut self, tick: Tick, fact: String) -> bool {
        self.seen.retain(|(_, last)| tick <= after(*last, SAME_FACT));
        if let Some((_, last)) = self.seen.iter_mut().find(|(seen, _)| *seen == fact) {
            *last = tick;
            return false;
        }
        if self.seen.len() >= MOST {
            self.seen.remove(0);
        }
        self.seen.push((fact, tick));
        true
    }
}

/// Complaints, each told at most once a minute, with their number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Faults {
    known: Vec<KnownFault>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KnownFault {
    /// `count` is how often it was said since it was told.
    fault: Fault,
    said_at: Timestamp,
    told: Tick,
}

impl Faults {
    /// Takes notice of a complaint.
    pub(super) fn say(&mut self, at: Timestamp, tick: Tick, severity: &str, text: String, out: &mut Vec<Emitted>) {
        if let Some(known) = self.known.iter_mut().find(|known| known.fault.text == text) {
            known.fault.count += 1;
            known.said_at = at;
            return;
        }
        if self.known.len() >= MOST {
            self.known.remove(0).tell(tick, out);
        }
        let fault = Fault {
            severity: severity.to_owned(),
            text,
            count: 1,
        };
        let mut known = KnownFault {
            fault,
            said_at: at,
            told: tick,
        };
        known.tell(tick, out);
        self.known.push(known);
    }

    /// When the minute of each complaint is over.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Tick> {
        self.known.iter().map(|known| after(known.told, SAME_FAULT))
    }

    /// Tells what was repeated, once its minute is over, and forgets what was not.
    pub(super) fn expire(&mut self, tick: Tick, out: &mut Vec<Emitted>) {
        self.known.retain_mut(|known| {
            if tick <= after(known.told, SAME_FAULT) {
                return true;
            }
            let repeated = known.fault.count > 0;
            known.tell(tick, out);
            repeated
        });
    }

    /// The log ends here: what was counted is told.
    pub(super) fn finish(&mut self, tick: Tick, out: &mut Vec<Emitted>) {
        self.known.iter_mut().for_each(|known| known.tell(tick, out));
    }
}

impl KnownFault {
    fn tell(&mut self, tick: Tick, out: &mut Vec<Emitted>) {
        if self.fault.count > 0 {
            out.push(Emitted::new(self.said_at, RepeaterEvent::Fault(self.fault.clone())));
        }
        self.fault.count = 0;
        self.told = tick;
    }
}
