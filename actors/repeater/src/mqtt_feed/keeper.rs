//! Messages into facts, facts into the journal: the feed of one host, and the one way in which it is kept.
//!
//! ```text
//! messages ─ known already? ─ feed ─ nothing waits for its twin ─ append facts + snapshot ─ COMMIT ─ acknowledge
//!               └ acknowledged with the rest              └ not yet: wait for more, or for time to go by
//! ```
//!
//! **Invariant:** the checkpoint holds the feed exactly as it was after the messages that are acknowledged by then, and
//! the marks of the newest of them: what the broker sends again, because an acknowledgement was lost with one of us, is
//! known by its mark. A message carries its time to the millisecond, so that no other is like it.
//!
//! A message that panics the feed would come again for ever. At the first panic its mark is noted in the checkpoint, beside
//! the feed as it was stored last; at the second the message is set aside: told as an event, and acknowledged.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use journal::{Journal, JournalError, Ledger, SignalBoard};
use model::repeater::{Crashed, LineSetAside, RepeaterEvent, RepeaterState};
use model::{NewEvent, Source, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::Heard;
use super::connection::{Message, Outgoing, Receipt};
use super::counts::Counts;
use super::voices::Voices;
use crate::machine::Emitted;
use crate::mqtt::{Feed, LiveQuality, Voice};
#[cfg(any(test, feature = "chaos"))]
use crate::poison::chaos;
use crate::poison::{Panic, contain, kept, kept_reason};
use crate::recorder::STATE;
use crate::state_machine::Refused;

/// The name of the signal that holds the levels of the running calls.
const LIVE: &str = "live";
/// The name of the signal that holds the counts.
const MESSAGES: &str = "messages";
/// How often the feed is told that time goes by.
const TICK: Duration = Duration::from_secs(1);
/// The same while a line waits for its twin, which is for a second at most.
const SOON: Duration = Duration::from_millis(100);
/// Most messages that are stored at once.
const MOST_UNSTORED: usize = 64;
/// How many of the newest messages are known again. Lost with us can be the acknowledgements of what was stored last, and
/// of what was stored before and is still on its way: some batches.
const KNOWN: usize = 4 * MOST_UNSTORED;

/// Most messages that are suspected at once; of more the oldest are forgotten, and have one more panic.
const MOST_SUSPECTS: usize = 8;

/// The checkpoint. The feed of another release may not fit this one.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Saved {
    client_id: String,
    known: VecDeque<u64>,
    /// Marks of messages that panicked the feed once.
    #[serde(default)]
    suspects: VecDeque<u64>,
    feed: Box<RawValue>,
}

/// Follows one host and keeps what it tells.
pub(super) struct Keeper {
    ledger: Ledger,
    signals: SignalBoard,
    /// Whose events these are.
    source: Source,
    /// Who shows the counts.
    teller: Source,
    voices: Voices,
    /// What was stored last; the session's name, made up once, is in it.
    saved: Saved,
    feed: Feed,
    known: VecDeque<u64>,
    suspects: VecDeque<u64>,
    clock: Clock,
    /// What is not stored yet.
    out: Vec<Emitted>,
    /// What is not acknowledged yet, in the order in which it came.
    receipts: Vec<Receipt>,
    /// The messages whose lines wait for their twins: neither in the snapshot nor acknowledged, and those behind them are not
    /// acknowledged either, so that the broker keeps them for a successor.
    waiting: Vec<Waiting>,
    /// Messages come; otherwise silence says nothing of the host.
    listening: bool,
    /// When they last ceased to come.
    deaf_since: Option<Timestamp>,
    counts: Counts,
    shown: Shown,
}

/// A message whose line waits for its twin.
struct Waiting {
    /// The feed's number for it.
    ticket: u64,
    /// A successor must not know it.
    mark: u64,
    /// How many receipts are in front of its own.
    before: usize,
}

/// What the signal board has.
#[derive(Default)]
struct Shown {
    state: Option<RepeaterState>,
    live: Vec<LiveQuality>,
    counts: Option<(Counts, Instant)>,
}

/// Time that goes forward whatever happens to the clock on the wall.
struct Clock {
    started: Instant,
    at: Timestamp,
}

impl Clock {
    fn now(&self) -> Timestamp {
        self.at.plus(self.started.elapsed())
    }
}

impl Keeper {
    /// Goes on from the checkpoint of `producer`. *Blocking.*
    pub(super) fn resume(
        journal: &Journal,
        producer: &Source,
        source: Source,
        voices: Voices,
    ) -> Result<Keeper, JournalError> {
        let (ledger, checkpoint) = Ledger::open(journal, producer.as_str())?;
        let (saved, feed) = checkpoint.as_deref().and_then(restore).unwrap_or_else(begin);
        let mut keeper = Keeper {
            ledger,
            signals: journal.signals().clone(),
            source,
            teller: producer.clone(),
            voices,
            known: saved.known.clone(),
            suspects: saved.suspects.clone(),
            saved,
            feed,
            clock: Clock {
                started: Instant::now(),
                at: Timestamp::now(),
            },
            out: Vec::new(),
            receipts: Vec::new(),
            waiting: Vec::new(),
            listening: false,
            deaf_since: None,
            counts: Counts::default(),
            shown: Shown::default(),
        };
        keeper.show();
        Ok(keeper)
    }

    /// The name under which the broker keeps the session: made up once, and kept.
    pub(super) fn client_id(&self) -> &str {
        &self.saved.client_id
    }

    /// Stores the feed as it is, and what it told. Before the first connection, so that the session's name is not
    /// forgotten, and an incarnation that was given up stores nothing more.
    pub(super) async fn store(&mut self) -> Result<(), Refused> {
        let events = self.out.iter().filter_map(|fact| self.event(fact)).collect();
        let waits = |mark: &u64| self.waiting.iter().any(|waiting| waiting.mark == *mark);
        let known = self.known.iter().copied().filter(|mark| !waits(mark)).collect();
        let saved = Saved {
            client_id: self.saved.client_id.clone(),
            known,
            suspects: self.suspects.clone(),
            feed: serde_json::value::to_raw_value(&self.feed).map_err(unwritten)?,
        };
        self.ledger.store(events, written(&saved)?).await?;
        self.saved = saved;
        self.out.clear();
        Ok(())
    }

    /// Notes that a message panicked the feed, which is not to be used after that: a successor goes on from what was stored.
    async fn suspect(&mut self, mark: u64) -> Result<(), Refused> {
        if self.saved.suspects.len() >= MOST_SUSPECTS {
            self.saved.suspects.pop_front();
        }
        self.saved.suspects.push_back(mark);
        Ok(self.ledger.store(Vec::new(), written(&self.saved)?).await?)
    }

    /// Takes what one connection brings, until it ends.
    pub(super) async fn follow(&mut self, mut heard: Receiver<Heard>, broker: &Outgoing) -> Result<(), Refused> {
        // Receipts of a connection that has ended are worth nothing.
        self.receipts.clear();
        for waiting in &mut self.waiting {
            waiting.before = 0;
        }
        loop {
            let pause = if self.feed.is_settled() { TICK } else { SOON };
            match timeout(pause, heard.recv()).await {
                Ok(Some(heard)) => self.take(heard).await?,
                Ok(None) => break,
                Err(_) => {}
            }
            let mut taken = 0;
            while taken < MOST_UNSTORED
                && let Ok(heard) = heard.try_recv()
            {
                self.take(heard).await?;
                taken += 1;
            }
            if self.listening {
                self.feed.advance(self.clock.now(), &mut self.out);
            }
            self.keep(broker).await?;
        }
        if std::mem::take(&mut self.listening) {
            self.deaf_since = Some(self.clock.now());
        }
        self.keep(broker).await
    }

    async fn take(&mut self, heard: Heard) -> Result<(), Refused> {
        match heard {
            Heard::Listening => {
                self.listening = true;
                self.feed.resume(self.deaf_since, self.clock.now());
            }
            Heard::Message(message) => {
                if let Err((mark, panic)) = self.message(message) {
                    self.suspect(mark).await?;
                    panic.go_on();
                }
            }
        }
        Ok(())
    }

    /// Takes a message; the mark of one that panicked, for the first time.
    fn message(&mut self, message: Message) -> Result<(), (u64, Panic)> {
        let Message {
            topic,
            payload,
            retained,
            receipt,
        } = message;
        self.receipts.push(receipt);
        self.counts.messages += 1;
        if retained {
            self.counts.retained += 1;
        } else if let Some(voice) = self.voices.of(&topic) {
            let mark = mark(&topic, &payload);
            if self.is_known(mark) {
                self.counts.repeated += 1;
                // Sent again by another connection: it goes on waiting, with its new receipt.
                let before = self.receipts.len().saturating_sub(1);
                if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.mark == mark) {
                    waiting.before = before;
                }
            } else {
                let last = self.feed.waiting().next_back();
                self.hear(mark, &topic, voice, &payload)
                    .map_err(|panic| (mark, panic))?;
                if let Some(ticket) = self.feed.waiting().next_back().filter(|ticket| last < Some(*ticket)) {
                    let before = self.receipts.len().saturating_sub(1);
                    self.waiting.push(Waiting { ticket, mark, before });
                }
            }
        } else {
            self.counts.unknown_topic += 1;
        }
        Ok(())
    }

    /// Has the feed hear a message. The first panic over it is handed back; at the second it is set aside.
    fn hear(&mut self, mark: u64, topic: &str, voice: Voice, payload: &[u8]) -> Result<(), Panic> {
        let now = self.clock.now();
        let is_suspect = self.suspects.contains(&mark);
        let before = is_suspect.then(|| (self.feed.clone(), self.out.len()));
        let heard = contain(|| {
            #[cfg(any(test, feature = "chaos"))]
            chaos::strike(payload, chaos::MQTT_FEED);
            self.feed.hear(now, voice, payload, &mut self.out);
        });
        self.suspects.retain(|suspect| *suspect != mark);
        match (heard, before) {
            (Ok(()), _) => Ok(()),
            (Err(panic), None) => Err(panic),
            (Err(panic), Some((feed, told))) => {
                self.feed = feed;
                self.out.truncate(told);
                let aside = set_aside(topic, payload, panic.reason());
                self.out.push(Emitted {
                    at: now,
                    event: RepeaterEvent::LineSetAside(aside),
                });
                Ok(())
            }
        }
    }

    /// Whether this message came before; it is known from now on.
    fn is_known(&mut self, mark: u64) -> bool {
        if self.known.contains(&mark) {
            return true;
        }
        if self.known.len() >= KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(mark);
        false
    }

    /// Stores what there is to store, then acknowledges. A broker sends only so much before it waits for that.
    async fn keep(&mut self, broker: &Outgoing) -> Result<(), Refused> {
        let feed = &self.feed;
        self.waiting
            .retain(|waiting| feed.waiting().any(|ticket| ticket == waiting.ticket));
        if self.feed.take_unsaved() || !self.out.is_empty() {
            self.store().await?;
        }
        let kept = self.waiting.iter().map(|waiting| waiting.before).min();
        let kept = kept.unwrap_or(self.receipts.len());
        for receipt in self.receipts.drain(..kept) {
            broker.acknowledge(&receipt);
        }
        for waiting in &mut self.waiting {
            waiting.before = waiting.before.saturating_sub(kept);
        }
        self.show();
        Ok(())
    }

    fn event(&self, fact: &Emitted) -> Option<NewEvent> {
        let event = NewEvent::new(fact.at, &self.source, &fact.event);
        event.map_err(|error| tracing::error!(%error, "event not written")).ok()
    }

    /// Puts on the signal board what changed.
    fn show(&mut self) {
        let state = self.feed.state();
        if self.shown.state.as_ref() != Some(&state) {
            self.signals.show(&self.source, STATE, &state);
            self.shown.state = Some(state);
        }
        if self.shown.live != self.feed.live() {
            self.signals.show(&self.source, LIVE, &self.feed.live());
            self.shown.live = self.feed.live().to_vec();
        }
        let counts = Counts {
            feed: self.feed.tally(),
            ..self.counts
        };
        let due = self
            .shown
            .counts
            .is_none_or(|(shown, at)| shown != counts && at.elapsed() >= TICK);
        if due {
            self.signals.show(&self.teller, MESSAGES, &counts);
            self.shown.counts = Some((counts, Instant::now()));
        }
    }
}

/// The session's name is kept at any price; without the feed at worst the calls that were open are told wrongly.
fn restore(data: &str) -> Option<(Saved, Feed)> {
    let saved: Saved = serde_json::from_str(data)
        .map_err(|error| tracing::error!(%error, "checkpoint not understood, begun anew"))
        .ok()?;
    let feed = serde_json::from_str(saved.feed.get()).unwrap_or_else(|error| {
        tracing::warn!(%error, "state of another release, begun anew");
        Feed::default()
    });
    Some((saved, feed))
}

/// A host that was never heard.
fn begin() -> (Saved, Feed) {
    let saved = Saved {
        client_id: new_client_id(),
        known: VecDeque::new(),
        suspects: VecDeque::new(),
        feed: RawValue::NULL.to_owned(),
    };
    (saved, Feed::default())
}

fn written(saved: &Saved) -> Result<String, Refused> {
    serde_json::to_string(saved).map_err(unwritten)
}

fn unwritten(error: serde_json::Error) -> Refused {
    tracing::error!(%error, "checkpoint not written");
    Refused::Fenced
}

fn set_aside(topic: &str, payload: &[u8], reason: &str) -> LineSetAside {
    tracing::error!(topic, %reason, "message set aside");
    LineSetAside {
        crashed: Crashed::MqttFeed,
        reason: kept_reason(reason),
        file: topic.to_owned(),
        offset: 0,
        text: kept(payload),
    }
}

/// As long as every broker takes it: 23 letters and digits.
fn new_client_id() -> String {
    // The only randomness in the standard library.
    let random = RandomState::new().hash_one(Timestamp::now().unix_ms());
    format!("stationd{:015x}", random >> 4)
}

/// FNV-1a, which stays the same from release to release.
fn mark(topic: &str, payload: &[u8]) -> u64 {
    const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01B3;
    let bytes = topic.as_bytes().iter().chain(&[0]).chain(payload);
    bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_id_is_one_that_every_broker_takes() {
        let (one, other) = (new_client_id(), new_client_id());
        assert_ne!(one, other);
        assert!(
            one.len() == 23 && one.chars().all(|c| c.is_ascii_alphanumeric()),
            "{one}"
        );
    }

    #[test]
    fn checkpoint_of_another_release_keeps_the_session() {
        let saved = restore(r#"{"client_id":"stationd1","known":[18446744073709551615],"feed":{"machine":7}}"#);
        let (saved, _) = saved.unwrap();
        assert_eq!(
            (saved.client_id.as_str(), saved.known),
            ("stationd1", VecDeque::from([u64::MAX]))
        );
    }

    #[test]
    fn mark_tells_topic_and_payload_apart() {
        assert_eq!(mark("", b""), 0xAF63_BD4C_8601_B7DF);
        assert_ne!(mark("a", b"bc"), mark("ab", b"c"));
    }
}
