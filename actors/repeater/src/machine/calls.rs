//! The calls that are open: at most one on each channel, and each is closed exactly once.
//!
//! ```text
//!            header                 end, lost, watchdog
//!  (none) ───────────> Running ──────────────────────────────────> closed, with figures
//!                        │  │ Idle, another mode                       ^
//!           talk time out│  └──────────> Ending ──end within 3 s───────┤
//!                        v                 │ 3 s of log time           │
//!                     TalkedOut ──end──────┼───────────────────────────┘
//!                        │ Idle + 3 s, 60 s│
//!                        v                 v
//!                      closed: timeout, without figures         new header: replaced; host, modem: host_restart
//! ```

use std::time::Duration;

use model::Timestamp;
use model::repeater::{CallKind, CallSource, EndReason, HostMode, Mode, Qso, RepeaterEvent};
use serde::{Deserialize, Serialize};

use super::clock::{Tick, after};
use super::{CALLSIGN_CHARS, Emitted, TEXT_CHARS};
use crate::grammar::{Alias, Channel, End, Ending, Parties, Start, Text};

/// How long an end may come after the host went idle: with a mode hang of a second the watchdog is half a second
/// later, behind the talk time up to two seconds.
const END_AFTER_IDLE: Duration = Duration::from_secs(3);
/// How long an end may come after the talk time. Hosts of seven years write no Idle line that would end the wait.
const END_AFTER_TALK_TIME: Duration = Duration::from_secs(60);
/// How much an end may disagree with the time that a call was closed, to be known as that call's late end.
const LATE_END: Duration = Duration::from_secs(1);
/// What System Fusion destinations begin with that are a DG-ID.
const DG_ID: &str = "DG-ID ";

/// A call that runs, or whose end is awaited. `qso` is what would be told if it closed now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OpenCall {
    channel: Channel,
    qso: Qso,
    /// Its talk time is over: it ended then, whatever else follows.
    talked_out: bool,
    /// When to stop waiting for its end.
    deadline: Option<Tick>,
}

/// The newest call of a channel that is over, for end lines that come late or twice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Closed {
    channel: Channel,
    ended_at: Timestamp,
    /// Its end line has come.
    had_end: bool,
}

/// The calls that are open. **Invariant:** one a channel, so that there are never more than channels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Calls {
    /// In the order in which they began.
    open: Vec<OpenCall>,
    closed: Vec<Closed>,
}

impl Calls {
    /// The calls that are open, in the order in which they began.
    pub(super) fn open(&self) -> impl Iterator<Item = &Qso> {
        self.open.iter().map(|call| &call.qso)
    }

    /// The mode of the newest open call.
    pub(super) fn mode(&self) -> Option<Mode> {
        self.open.last().map(|call| call.channel.mode)
    }

    /// A header: closes what was open on its channel, unless that was the same call with less known of it.
    pub(super) fn start(&mut self, at: Timestamp, start: &Start<'_>, out: &mut Vec<Emitted>) {
        let qso = opened(at, start);
        if self.complete(at, start, &qso, out) {
            return;
        }
        if let Some(call) = self.take(start.channel) {
            self.supersede(call, at, out);
        }
        // The host plays a network call only once it no longer hears the radio, talk time or not.
        if start.channel.source == CallSource::Network
            && let Some(call) = self.take_if(|call| {
                let same_place = call.channel.mode == start.channel.mode && call.channel.slot == start.channel.slot;
                same_place && call.channel.source == CallSource::Rf && call.talked_out
            })
        {
            self.supersede(call, at, out);
        }
        out.push(Emitted::new(at, RepeaterEvent::QsoStarted(qso.clone())));
        self.open.push(OpenCall {
            channel: start.channel,
            qso,
            talked_out: false,
            deadline: None,
        });
    }

    /// An end line. One that names a call which is not open tells of a call whose start was missed.
    pub(super) fn end(&mut self, at: Timestamp, end: &End<'_>, out: &mut Vec<Emitted>) {
        let mut qso = match (self.take(end.channel), &end.parties) {
            (Some(call), _) => call.qso,
            (None, Some(_)) if !self.is_late(at, end) => missed(at, end),
            (None, _) => return,
        };
        if let Some(parties) = &end.parties {
            correct(&mut qso, parties);
        }
        qso.kind = end.kind.unwrap_or(qso.kind);
        qso.ended_at = Some(at);
        qso.duration_s = end.figures.duration_ms.map(|ms| f64::from(ms) / 1000.0);
        qso.ber_percent = end.figures.ber_percent;
        qso.loss_percent = end.figures.loss_percent;
        qso.rssi_dbm = end.figures.rssi_dbm;
        qso.end_reason = match end.ending {
            Ending::End => EndReason::End,
            Ending::Lost => EndReason::Lost,
            Ending::Watchdog => EndReason::Watchdog,
        };
        self.remember(end.channel, at, true);
        out.push(Emitted::new(at, RepeaterEvent::QsoEnded(qso)));
    }

    /// The talk time of a call is over; its end may still come.
    pub(super) fn talked_out(&mut self, at: Timestamp, tick: Tick, channel: Channel, out: &mut Vec<Emitted>) {
        let Some(call) = self.open.iter_mut().find(|call| call.channel == channel) else {
            return;
        };
        call.talked_out = true;
        call.deadline = Some(after(tick, END_AFTER_TALK_TIME));
        call.qso.end_reason = EndReason::Timeout;
        call.qso.ended_at = Some(at);
        out.push(Emitted::new(at, RepeaterEvent::QsoUpdated(call.qso.clone())));
    }

    /// The host is in another mode now: the calls of all others are over, though their end lines may follow.
    pub(super) fn mode_set(&mut self, at: Timestamp, tick: Tick, mode: HostMode) {
        for call in &mut self.open {
            if mode == HostMode::Busy(call.channel.mode) {
                continue;
            }
            let wait = after(tick, END_AFTER_IDLE);
            call.deadline = Some(call.deadline.map_or(wait, |deadline| deadline.min(wait)));
            if call.qso.end_reason == EndReason::Open {
                call.qso.end_reason = EndReason::Timeout;
                call.qso.ended_at = Some(at);
            }
        }
    }

    /// Text that a call sends along: it belongs to the newest call that the line fits.
    pub(super) fn alias(&mut self, at: Timestamp, alias: &Alias<'_>, out: &mut Vec<Emitted>) {
        let fits = |call: &&mut OpenCall| {
            call.channel.mode == alias.mode
                && (alias.slot.is_none() || call.channel.slot == alias.slot)
                && alias.source.is_none_or(|source| call.channel.source == source)
        };
        let text = alias.text.shown(TEXT_CHARS);
        let call = self.open.iter_mut().rev().find(fits);
        if let Some(call) = call.filter(|call| !text.is_empty() && call.qso.talker_alias.as_ref() != Some(&text)) {
            call.qso.talker_alias = Some(text);
            out.push(Emitted::new(at, RepeaterEvent::QsoUpdated(call.qso.clone())));
        }
    }

    /// Who sends on DMR now.
    pub(super) fn newest_caller(&self, mode: Mode) -> Option<&str> {
        let call = self.open.iter().rev().find(|call| call.channel.mode == mode)?;
        call.qso.callsign.as_deref()
    }

    /// The host or its modem starts anew: nothing is open any more.
    pub(super) fn host_restarted(&mut self, at: Timestamp, out: &mut Vec<Emitted>) {
        for mut call in std::mem::take(&mut self.open) {
            if !call.talked_out {
                call.qso.end_reason = EndReason::HostRestart;
                call.qso.ended_at = Some(at);
            }
            self.close(call, at, out);
        }
    }

    /// When to stop waiting for ends.
    pub(super) fn deadlines(&self) -> impl Iterator<Item = Tick> {
        self.open.iter().filter_map(|call| call.deadline)
    }

    /// Closes the calls whose end did not come in time.
    pub(super) fn expire(&mut self, tick: Tick, out: &mut Vec<Emitted>) {
        let overdue = |call: &OpenCall| call.deadline.is_some_and(|deadline| tick > deadline);
        while let Some(call) = self.take_if(overdue) {
            let at = call.qso.ended_at.unwrap_or(call.qso.started_at);
            self.close(call, at, out);
        }
    }

    /// The log ends here: every call is told as it stands.
    pub(super) fn finish(&mut self, at: Timestamp, out: &mut Vec<Emitted>) {
        for call in self.open.drain(..) {
            let at = call.qso.ended_at.unwrap_or(at);
            out.push(Emitted::new(at, RepeaterEvent::QsoEnded(call.qso)));
        }
    }

    /// Adds what an earlier header of the same call left unknown; System Fusion hosts of 2016 told it bit by bit.
    fn complete(&mut self, at: Timestamp, start: &Start<'_>, new: &Qso, out: &mut Vec<Emitted>) -> bool {
        let Some(call) = self.open.iter_mut().find(|call| call.channel == start.channel) else {
            return false;
        };
        let old = &mut call.qso;
        let fits = |old: &Option<String>, new: &Option<String>| old.is_none() || old == new;
        let unknown = old.callsign.is_none() || old.destination.is_none();
        let running = call.channel.mode == Mode::Ysf && old.end_reason == EndReason::Open;
        if !(unknown && running && fits(&old.callsign, &new.callsign) && fits(&old.destination, &new.destination)) {
            return false;
        }
        correct(old, &start.parties);
        out.push(Emitted::new(at, RepeaterEvent::QsoUpdated(old.clone())));
        true
    }

    /// Closes a call because another began; one that was ending anyway ended then.
    fn supersede(&mut self, mut call: OpenCall, at: Timestamp, out: &mut Vec<Emitted>) {
        if call.qso.end_reason == EndReason::Open {
            call.qso.end_reason = EndReason::Replaced;
            call.qso.ended_at = Some(at);
        }
        self.close(call, at, out);
    }

    /// Closes a call without its end line, and remembers that this line may still come.
    fn close(&mut self, call: OpenCall, at: Timestamp, out: &mut Vec<Emitted>) {
        self.remember(call.channel, call.qso.ended_at.unwrap_or(at), false);
        out.push(Emitted::new(at, RepeaterEvent::QsoEnded(call.qso)));
    }

    fn remember(&mut self, channel: Channel, ended_at: Timestamp, had_end: bool) {
        self.closed.retain(|closed| closed.channel != channel);
        self.closed.push(Closed {
            channel,
            ended_at,
            had_end,
        });
    }

    /// Whether an end line belongs to the call that closed before: then it began before that call was over.
    fn is_late(&self, at: Timestamp, end: &End<'_>) -> bool {
        let Some(closed) = self.closed.iter().find(|closed| closed.channel == end.channel) else {
            return false;
        };
        match (end.figures.duration_ms, closed.had_end) {
            (Some(_), false) => started_at(at, end) <= closed.ended_at.plus(LATE_END),
            (Some(_), true) => at >= closed.ended_at && started_at(at, end).plus(LATE_END) < closed.ended_at,
            // Data ends print no length.
            (None, had_end) => !had_end && at.since(closed.ended_at) <= END_AFTER_TALK_TIME,
        }
    }

    fn take(&mut self, channel: Channel) -> Option<OpenCall> {
        self.take_if(|call| call.channel == channel)
    }

    fn take_if(&mut self, wanted: impl Fn(&OpenCall) -> bool) -> Option<OpenCall> {
        let index = self.open.iter().position(wanted)?;
        Some(self.open.remove(index))
    }
}

/// A call as its header tells it.
fn opened(at: Timestamp, start: &Start<'_>) -> Qso {
    let mut qso = blank(at, start.channel);
    qso.kind = start.kind;
    qso.late_entry = start.late;
    qso.via = shown(start.via.as_ref());
    correct(&mut qso, &start.parties);
    qso
}

/// A call whose header was missed, as its end tells it.
fn missed(at: Timestamp, end: &End<'_>) -> Qso {
    blank(started_at(at, end), end.channel)
}

fn started_at(at: Timestamp, end: &End<'_>) -> Timestamp {
    at.minus(Duration::from_millis(end.figures.duration_ms.unwrap_or(0).into()))
}

const fn blank(started_at: Timestamp, channel: Channel) -> Qso {
    Qso {
        mode: channel.mode,
        slot: channel.slot,
        source: channel.source,
        kind: CallKind::Voice,
        callsign: None,
        callsign_suffix: None,
        destination: None,
        destination_kind: None,
        via: None,
        started_at,
        ended_at: None,
        duration_s: None,
        ber_percent: None,
        loss_percent: None,
        rssi_dbm: None,
        end_reason: EndReason::Open,
        late_entry: false,
        talker_alias: None,
    }
}

/// Header and end may disagree: a late entry guesses, and the id table may be read anew during the call.
///
/// What the later line leaves unknown stays. The one field that is not the same in both is System Fusion's
/// destination: a lost call names the radio's field where the header named the DG-ID.
fn correct(qso: &mut Qso, parties: &Parties<'_>) {
    if let Some(callsign) = shown(parties.from.as_ref()) {
        qso.callsign = Some(callsign);
        qso.callsign_suffix = shown(parties.suffix.as_ref());
    }
    let dg_id = |destination: &Option<String>| destination.as_ref().is_some_and(|name| name.starts_with(DG_ID));
    let destination = shown(parties.to.as_ref());
    if destination.is_some() && (dg_id(&destination) || !dg_id(&qso.destination)) {
        qso.destination = destination;
        qso.destination_kind = parties.kind;
    }
}

fn shown(text: Option<&Text<'_>>) -> Option<String> {
    text.map(|text| text.shown(CALLSIGN_CHARS))
        .filter(|text| !text.is_empty())
}
