//! What the host says again and again, told once.

use std::time::Duration;

use model::Timestamp;
use model::repeater::{Fault, RecordsSetAside, RepeaterEvent};
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

/// Something that is said again and again, and told at most once a minute.
pub(super) trait Complaint: Clone {
    /// Whether both are one complaint, said twice.
    fn is_same(&self, other: &Self) -> bool;
    /// How often it was said since it was told.
    fn count(&mut self) -> &mut u64;
    /// The event that tells it.
    fn told(&self) -> RepeaterEvent;
}

impl Complaint for Fault {
    fn is_same(&self, other: &Fault) -> bool {
        self.text == other.text
    }

    fn count(&mut self) -> &mut u64 {
        &mut self.count
    }

    fn told(&self) -> RepeaterEvent {
        RepeaterEvent::Fault(self.clone())
    }
}

impl Complaint for RecordsSetAside {
    fn is_same(&self, other: &RecordsSetAside) -> bool {
        self.doubt == other.doubt
    }

    fn count(&mut self) -> &mut u64 {
        &mut self.count
    }

    fn told(&self) -> RepeaterEvent {
        RepeaterEvent::RecordsSetAside(self.clone())
    }
}

/// Complaints, each told at most once a minute, with their number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Complaints<C> {
    known: Vec<Known<C>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known<C> {
    #[serde(rename = "fault")]
    complaint: C,
    said_at: Timestamp,
    told: Tick,
}

impl<C> Default for Complaints<C> {
    fn default() -> Complaints<C> {
        Complaints { known: Vec::new() }
    }
}

impl<C: Complaint> Complaints<C> {
    /// Takes notice of a complaint that was said once more.
    pub(super) fn say(&mut self, at: Timestamp, tick: Tick, mut said: C, out: &mut Vec<Emitted>) {
        if let Some(known) = self.known.iter_mut().find(|known| known.complaint.is_same(&said)) {
            *said.count() = known.complaint.count().saturating_add(1);
            known.complaint = said;
            known.said_at = at;
            return;
        }
        if self.known.len() >= MOST {
            self.known.remove(0).tell(tick, out);
        }
        *said.count() = 1;
        let mut known = Known {
            complaint: said,
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
            let repeated = *known.complaint.count() > 0;
            known.tell(tick, out);
            repeated
        });
    }

    /// The log ends here: what was counted is told.
    pub(super) fn finish(&mut self, tick: Tick, out: &mut Vec<Emitted>) {
        self.known.iter_mut().for_each(|known| known.tell(tick, out));
    }
}

impl<C: Complaint> Known<C> {
    fn tell(&mut self, tick: Tick, out: &mut Vec<Emitted>) {
        if *self.complaint.count() > 0 {
            out.push(Emitted::new(self.said_at, self.complaint.told()));
        }
        *self.complaint.count() = 0;
        self.told = tick;
    }
}
