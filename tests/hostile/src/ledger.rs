//! A client that follows the facts about a repeater and trusts nobody: it keeps its own account, and compares.

use std::collections::BTreeMap;

use model::repeater::{EndReason, HostMode, Qso, RepeaterEvent, RepeaterState};
use model::{EventData, Timestamp};
use repeater::machine::Emitted;
use serde_json::Value;

/// The largest snapshot of a machine or a feed, in bytes: it is written into every checkpoint.
const MAX_SNAPSHOT_BYTES: usize = 16 * 1024;

/// What the facts so far come to.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Start of the call that is open on each channel.
    open: BTreeMap<String, Timestamp>,
    mode: HostMode,
}

fn channel(qso: &Qso) -> String {
    format!("{} {:?} {:?}", qso.mode, qso.slot, qso.source)
}

impl Ledger {
    /// Takes the facts in their order.
    ///
    /// # Panics
    /// When they contradict each other.
    pub(crate) fn enter(&mut self, facts: &[Emitted]) {
        for Emitted { event, .. } in facts {
            self.fact(event);
            let text = serde_json::to_string(event).unwrap_or_default();
            let read = RepeaterEvent::decode(event.event_type(), &text);
            assert!(
                matches!(read, Ok(Some(_))),
                "a fact that cannot be read back: {read:?} of {text}"
            );
        }
    }

    fn fact(&mut self, event: &RepeaterEvent) {
        if let RepeaterEvent::QsoStarted(qso) = event {
            assert!(
                qso.end_reason == EndReason::Open && qso.ended_at.is_none(),
                "born dead: {qso:?}"
            );
            let before = self.open.insert(channel(qso), qso.started_at);
            assert!(before.is_none(), "two calls on a channel: {qso:?}");
        } else if let RepeaterEvent::QsoUpdated(qso) = event {
            let open = self.open.get(&channel(qso));
            assert!(open == Some(&qso.started_at), "not open: {qso:?}");
        } else if let RepeaterEvent::QsoEnded(qso) = event {
            // A call whose header was missed ends without having started.
            let started_at = self.open.remove(&channel(qso)).unwrap_or(qso.started_at);
            assert!(started_at == qso.started_at, "the end of another call: {qso:?}");
            let sound = |seconds: f64| seconds.is_finite() && seconds >= 0.0;
            assert!(qso.duration_s.is_none_or(sound), "no length: {qso:?}");
            assert!(
                qso.ended_at.is_none() == (qso.end_reason == EndReason::Open),
                "half an end: {qso:?}"
            );
        } else if let RepeaterEvent::ModeChanged(change) = event {
            assert!(
                change.previous == self.mode && change.mode != self.mode,
                "from {:?}: {change:?}",
                self.mode
            );
            self.mode = change.mode;
        }
    }

    /// Whoever asks for the state is told what whoever followed the facts knows.
    ///
    /// # Panics
    /// When not.
    pub(crate) fn agree(&self, state: &RepeaterState) {
        let active: BTreeMap<_, _> = state
            .active_calls
            .iter()
            .map(|qso| (channel(qso), qso.started_at))
            .collect();
        assert!(
            active.len() == state.active_calls.len(),
            "two calls on a channel: {:?}",
            state.active_calls
        );
        assert!(active == self.open, "active are {active:?}, told were {:?}", self.open);
        assert!(
            state.mode == self.mode,
            "the mode is {:?}, told was {:?}",
            state.mode,
            self.mode
        );
    }

    /// The input is over, and every call has been told to its end.
    ///
    /// # Panics
    /// When one is left.
    pub(crate) fn close(&self) {
        assert!(self.open.is_empty(), "calls that never ended: {:?}", self.open);
    }
}

/// Whoever restarts goes on from this.
///
/// # Panics
/// When the snapshot is larger than a checkpoint may be, or is not taken back.
pub(crate) fn restored<T: serde::Serialize + serde::de::DeserializeOwned>(machine: &T) -> Option<T> {
    let snapshot = serde_json::to_string(machine).unwrap_or_default();
    assert!(
        snapshot.len() < MAX_SNAPSHOT_BYTES,
        "a snapshot of {} bytes",
        snapshot.len()
    );
    let read = serde_json::from_str(&snapshot);
    assert!(
        read.is_ok(),
        "a snapshot that is not taken back: {:?} of {snapshot}",
        read.err()
    );
    read.ok()
}

/// Texts of whoever holds a radio reach terminals and pages.
///
/// # Panics
/// When one has a control character.
pub(crate) fn printable(document: &Value) {
    match document {
        Value::String(text) => assert!(is_printable(text), "a control character in {text:?}"),
        Value::Array(items) => items.iter().for_each(printable),
        Value::Object(members) => members.values().for_each(printable),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(crate) fn is_printable(text: &str) -> bool {
    !text.contains(char::is_control)
}
