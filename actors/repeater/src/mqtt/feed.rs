//! One host, heard over MQTT: messages and the time of their arrival in, facts out.
//!
//! There is no last will and nothing is retained. A late joiner knows nothing until the next message, and a host that
//! dies says nothing: its calls are closed after the longest silence that a call can have, or sooner if its last words
//! were of the kind that kills it (text that is not UTF-8 makes its JSON library abort the process).
//!
//! Which calls are open is learnt from the machine's own facts, so that ends are never paired with a call that the
//! machine has closed.

use std::time::Duration;

use model::Timestamp;
use model::repeater::{CallKind, CallSource, EndReason, HostMode, HostState, Mode, Qso, RepeaterEvent, RepeaterState};
use serde::{Deserialize, Serialize};

use super::json::{self, Closing, FmState, Level, Message, Refusal, Said};
use super::tally::FeedTally;
use super::topic::Voice;
use super::twins::{Twin, Twins};
use super::{fields, merge};
use crate::grammar::{self, Channel, End, HostLine, Line, Parties, Reader, Record, Text};
use crate::machine::{Emitted, Machine};

/// Talk time of a host that did not say it, in seconds; the default of its configuration.
const TALK_TIME_S: u32 = 180;
/// How long a host may be silent behind the talk time.
const GRACE: Duration = Duration::from_secs(5);
/// How much a gateway's clock may differ from the host's.
const GATEWAY_SKEW: Duration = Duration::from_secs(2);
/// How much later than the line before it a message may arrive, by the way that it took; nothing overtakes, so that a
/// newer message ends the wait sooner.
const LATE: Duration = Duration::from_millis(750);
/// Level of what JSON tells: that of the calls in the log.
const JSON_LEVEL: grammar::Level = grammar::Level::Message;

/// The signal of a running call at this moment, about once a second; latest wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveQuality {
    /// In which mode.
    pub mode: Mode,
    /// DMR time slot.
    pub slot: Option<u8>,
    /// When, by the host's clock.
    pub at: Timestamp,
    /// Signal strength, in dBm.
    pub rssi_dbm: Option<i16>,
    /// Bit error rate, in percent.
    pub ber_percent: Option<f64>,
}

/// A call that the machine holds open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct OpenCall {
    channel: Channel,
    kind: CallKind,
    /// Its talk time is over.
    talked_out: bool,
}

/// When something was heard: by the host's clock, and by ours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Heard {
    at: Timestamp,
    received: Timestamp,
}

/// One host. Serialized, it is the snapshot from which a restarted feed goes on. Lines that wait for their twins are not in
/// it ([`Feed::waiting`]).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Feed {
    machine: Machine,
    /// In the order in which they began.
    open: Vec<OpenCall>,
    /// The host said that it runs, or showed it.
    running: bool,
    /// The newest message with a time.
    heard: Option<Heard>,
    /// Arrival of the newest message of any kind.
    alive: Option<Timestamp>,
    /// The newest message is one that kills hosts.
    dying: bool,
    twins: Twins,
    /// There is something in here that the last snapshot does not have.
    #[serde(skip)]
    unsaved: bool,
    #[serde(skip)]
    live: Vec<LiveQuality>,
    #[serde(skip)]
    reader: Reader,
    #[serde(skip)]
    gateways: Reader,
    #[serde(skip)]
    tally: FeedTally,
}

impl Feed {
    /// Takes a message that arrived at `received`, by a clock that does not jump; what it means is added to `out`.
    pub fn hear(&mut self, received: Timestamp, voice: Voice, payload: &[u8], out: &mut Vec<Emitted>) {
        match voice {
            Voice::GatewayLog(mode) => self.gateway(received, mode, payload, out),
            Voice::HostLog => {
                self.heard_from(received);
                self.log(received, payload, out);
            }
            Voice::HostJson => {
                self.heard_from(received);
                self.tally.json += 1;
                if let Err(refusal) = self.json(received, payload, out) {
                    self.tally.refuse(refusal);
                }
            }
        }
    }

    /// Nothing could be heard from `since` until `now`; without `since`, from the last message on. The silence in between
    /// means nothing, and no deadline runs out in it.
    pub fn resume(&mut self, since: Option<Timestamp>, now: Timestamp) {
        let later = |at: Timestamp| since.map_or(now, |since| at.plus(now.since(since)));
        if let Some(heard) = &mut self.heard {
            heard.received = later(heard.received);
        }
        self.alive = self.alive.map(later);
    }

    /// Says that it is `now`, by the clock of [`Feed::hear`]. Called once a second or oftener.
    pub fn advance(&mut self, now: Timestamp, out: &mut Vec<Emitted>) {
        let (Some(heard), Some(host_time)) = (self.heard, self.host_time(now)) else {
            return;
        };
        let arrived = host_time.minus(LATE);
        if arrived >= heard.at {
            self.overdue(Some(arrived), out);
        }
        self.emit(out, |machine, out| machine.advance(host_time, out));
        if self.is_gone(now) {
            self.gone(heard.at, out);
        }
    }

    /// Whether no line waits to be completed.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.waiting().next().is_none()
    }

    /// The lines that wait to be completed, by numbers that go up. They are in no snapshot: whoever goes on from one has to
    /// hear their messages again.
    pub fn waiting(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.twins.waiting()
    }

    /// Whether the messages since this was last asked changed anything that a snapshot has to keep.
    pub fn take_unsaved(&mut self) -> bool {
        std::mem::take(&mut self.unsaved)
    }

    /// Tells what waits to be completed, as it stands.
    pub fn settle(&mut self, out: &mut Vec<Emitted>) {
        self.overdue(None, out);
    }

    /// The messages end here: calls that are open are told as they stand.
    pub fn finish(&mut self, out: &mut Vec<Emitted>) {
        self.settle(out);
        self.emit(out, |machine, out| machine.finish(out));
    }

    /// The repeater at this moment.
    #[must_use]
    pub fn state(&self) -> RepeaterState {
        self.machine.state()
    }

    /// The signals of the calls that are running.
    #[must_use]
    pub fn live(&self) -> &[LiveQuality] {
        &self.live
    }

    /// What was heard, and what of it was set aside.
    #[must_use]
    pub fn tally(&self) -> FeedTally {
        FeedTally {
            log: *self.reader.tally(),
            gateways: *self.gateways.tally(),
            ..self.tally
        }
    }

    fn heard_from(&mut self, received: Timestamp) {
        self.alive = Some(received);
        self.dying = false;
    }

    /// A gateway's line: of whatever it says, only links are of interest.
    fn gateway(&mut self, received: Timestamp, mode: Option<Mode>, payload: &[u8], out: &mut Vec<Emitted>) {
        let mut links = Vec::new();
        self.gateways.read(line_of(payload), |record| {
            if matches!(record.line, Line::Link(_)) {
                links.push(record);
            }
        });
        for mut record in links {
            if let (Line::Link(link), Some(mode)) = (&mut record.line, mode)
                && link.link.bytes() == b"reflector"
            {
                // The gateways of P25 and NXDN use the same words; the topic tells them apart.
                link.link = fields::written(mode.as_str());
            }
            record.at = self.by_host_clock(record.at, received);
            self.step(&record, out);
        }
    }

    /// A gateway's time; one on another machine, whose clock is off, must not move the host's time.
    fn by_host_clock(&self, at: Timestamp, received: Timestamp) -> Timestamp {
        let now = self.host_time(received).unwrap_or(at);
        if now.since(at).max(at.since(now)) > GATEWAY_SKEW {
            now
        } else {
            at
        }
    }

    /// What the host's clock shows when ours shows `now`.
    fn host_time(&self, now: Timestamp) -> Option<Timestamp> {
        self.heard.map(|heard| heard.at.plus(now.since(heard.received)))
    }

    fn log(&mut self, received: Timestamp, payload: &[u8], out: &mut Vec<Emitted>) {
        let mut records = Vec::new();
        self.reader.read(line_of(payload), |record| records.push(record));
        for mut record in records {
            self.heard_at(record.at, received, out);
            if let Line::Alias(alias) = &record.line {
                self.dying |= std::str::from_utf8(alias.text.bytes()).is_err();
            }
            // No log level hides calls as long as JSON tells them.
            if self.twins.json_heard() && record.level == grammar::Level::Info {
                record.level = JSON_LEVEL;
            }
            if record.line.matters()
                && let Some(record) = self.twins.line(record)
            {
                self.step(&record, out);
            }
        }
    }

    fn json(&mut self, received: Timestamp, payload: &[u8], out: &mut Vec<Emitted>) -> Result<(), Refusal> {
        let value = json::parse(payload)?;
        let message = json::read(&value)?;
        self.heard_at(message.at, received, out);
        let twin = match self.twins.json(&message) {
            Twin::Told => return Ok(()),
            Twin::Line(record) => Some(record),
            Twin::Alone => None,
        };
        let Message { at, said } = message;
        let twin = twin.as_ref().map(|record| &record.line);
        match said {
            Said::Line(Line::Started(start)) => self.say(at, Line::Started(merge::completed(start, twin)), out),
            Said::Line(line) => self.say(at, merge::fuller(line, twin), out),
            Said::Closing(closing) => return self.close(at, closing, twin, out),
            Said::Fm(state) => self.fm(at, state, out),
            Said::Level(level) => {
                self.tally.json_absurd_values += u64::from(level.absurd);
                self.level(at, level);
            }
            Said::Nothing => {}
        }
        Ok(())
    }

    /// Takes notice of the host's time: what waited too long for its twin is told before anything newer.
    fn heard_at(&mut self, at: Timestamp, received: Timestamp, out: &mut Vec<Emitted>) {
        self.heard = Some(Heard { at, received });
        self.overdue(Some(at), out);
    }

    fn overdue(&mut self, now: Option<Timestamp>, out: &mut Vec<Emitted>) {
        for record in self.twins.overdue(now) {
            self.step(&record, out);
        }
    }

    fn say(&mut self, at: Timestamp, line: Line<'_>, out: &mut Vec<Emitted>) {
        let mode_told = matches!(line, Line::ModeSet(_));
        let level = JSON_LEVEL;
        self.step(&Record { level, at, line }, out);
        if mode_told && !self.running {
            // These hosts never write that they are running; that they are in a mode says it.
            let line = Line::Host(HostLine::Running(Text::default()));
            self.step(&Record { level, at, line }, out);
        }
    }

    fn step(&mut self, record: &Record<'_>, out: &mut Vec<Emitted>) {
        self.unsaved = true;
        self.emit(out, |machine, out| {
            machine.step(record, out);
            if matches!(record.line, Line::Host(HostLine::Stopped)) {
                machine.host_gone(record.at, out);
            }
        });
    }

    /// Lets the machine speak, and takes notice of what it says.
    fn emit(&mut self, out: &mut Vec<Emitted>, speak: impl FnOnce(&mut Machine, &mut Vec<Emitted>)) {
        let told = out.len();
        speak(&mut self.machine, out);
        for Emitted { event, .. } in out.iter().skip(told) {
            if let RepeaterEvent::QsoStarted(qso) = event {
                self.open.push(open_call(qso));
            } else if let RepeaterEvent::QsoUpdated(qso) = event {
                let channel = channel(qso);
                let call = self.open.iter_mut().find(|call| call.channel == channel);
                call.into_iter().for_each(|call| *call = open_call(qso));
            } else if let RepeaterEvent::QsoEnded(qso) = event {
                let channel = channel(qso);
                self.open.retain(|call| call.channel != channel);
                self.live.retain(|live| (live.mode, live.slot) != (qso.mode, qso.slot));
            } else if let RepeaterEvent::ModeChanged(change) = event {
                // Levels of a call whose start was missed end with its mode.
                self.live.retain(|live| change.mode == HostMode::Busy(live.mode));
            } else if let RepeaterEvent::HostChanged(host) = event {
                self.running = host.state == HostState::Running;
            }
        }
    }

    /// An end: finds the call that it ends.
    fn close(
        &mut self,
        at: Timestamp,
        closing: Closing,
        twin: Option<&Line<'_>>,
        out: &mut Vec<Emitted>,
    ) -> Result<(), Refusal> {
        self.tally.json_absurd_values += u64::from(closing.absurd);
        if let Some(Line::TimedOut(channel)) = twin {
            self.say(at, Line::TimedOut(*channel), out);
            return Ok(());
        }
        let twin = if let Some(Line::Ended(end)) = twin {
            Some(end)
        } else {
            None
        };
        let named = twin.map(|end| end.channel);
        let source = named.map(|channel| channel.source).or(closing.source);
        let channel = self.paired(&closing, source).or(named).ok_or(Refusal::Unpaired)?;
        let line = match closing.ending {
            None => Line::TimedOut(channel),
            Some(ending) => Line::Ended(End {
                channel,
                ending: twin.map_or_else(|| merge::ending(ending, channel), |end| end.ending),
                kind: twin.and_then(|end| end.kind),
                parties: twin.and_then(|end| self.end_parties(channel, end)),
                figures: merge::figures(closing.figures, twin.map(|end| end.figures)),
                rest: Text::default(),
            }),
        };
        self.say(at, line, out);
        Ok(())
    }

    /// The channel of the call that an end belongs to: the newest one at its place, from `source` as far as known.
    fn paired(&self, closing: &Closing, source: Option<CallSource>) -> Option<Channel> {
        let place = |call: &&OpenCall| (call.channel.mode, call.channel.slot) == (closing.mode, closing.slot);
        let here = || self.open.iter().rev().filter(place);
        let fits = |call: &&OpenCall| source.is_none_or(|source| call.channel.source == source);
        // The label of NXDN data cannot be relied on.
        let mislabelled = |call: &&OpenCall| call.channel.mode == Mode::Nxdn && call.kind == CallKind::Data;
        let call = here().find(fits).or_else(|| here().find(mislabelled));
        call.map(|call| call.channel)
    }

    /// Whom the log's end line names, where that is news: a call whose start was missed, and NXDN, whose late entries
    /// can name a wrong pair.
    fn end_parties<'a>(&self, channel: Channel, end: &'a End<'_>) -> Option<Parties<'a>> {
        let news = channel.mode == Mode::Nxdn || !self.is_open(channel);
        end.parties.as_ref().filter(|_| news).map(merge::parties)
    }

    fn is_open(&self, channel: Channel) -> bool {
        self.open.iter().any(|call| call.channel == channel)
    }

    /// FM tells states, not calls: whatever is relayed is one.
    fn fm(&mut self, at: Timestamp, state: FmState, out: &mut Vec<Emitted>) {
        let channel = |source| Channel {
            mode: Mode::Fm,
            slot: None,
            source,
        };
        let relayed = if let FmState::Relaying(source) | FmState::TimedOut(source) = state {
            Some(channel(source))
        } else {
            None
        };
        // A call past its talk time is not ended by its caller: it ended then.
        let over =
            |call: &&OpenCall| call.channel.mode == Mode::Fm && Some(call.channel) != relayed && !call.talked_out;
        let over: Vec<Channel> = self.open.iter().filter(over).map(|call| call.channel).collect();
        for channel in over {
            self.say(at, Line::Ended(merge::fm_end(channel)), out);
        }
        if let FmState::Relaying(source) = state
            && !self.is_open(channel(source))
        {
            self.say(at, Line::Started(merge::fm_start(channel(source))), out);
        } else if let FmState::TimedOut(source) = state {
            self.say(at, Line::TimedOut(channel(source)), out);
        }
    }

    fn level(&mut self, at: Timestamp, level: Level) {
        let place = |live: &&mut LiveQuality| (live.mode, live.slot) == (level.mode, level.slot);
        if let Some(live) = self.live.iter_mut().find(place) {
            live.at = at;
            live.rssi_dbm = level.rssi_dbm.or(live.rssi_dbm);
            live.ber_percent = level.ber_percent.or(live.ber_percent);
            return;
        }
        self.live.push(LiveQuality {
            mode: level.mode,
            slot: level.slot,
            at,
            rssi_dbm: level.rssi_dbm,
            ber_percent: level.ber_percent,
        });
    }

    /// Whether the host has been silent for longer than any call can be.
    fn is_gone(&self, now: Timestamp) -> bool {
        let Some(alive) = self.alive.filter(|_| !self.open.is_empty()) else {
            return false;
        };
        let silence = now.since(alive);
        let talk_time = self.machine.talk_time_s().unwrap_or(TALK_TIME_S);
        let longest = Duration::from_secs(u64::from(talk_time)) + GRACE;
        // Without a talk time a call may last for ever.
        (self.dying && silence > GRACE) || (talk_time > 0 && silence > longest)
    }

    fn gone(&mut self, at: Timestamp, out: &mut Vec<Emitted>) {
        self.dying = false;
        self.live.clear();
        self.emit(out, |machine, out| machine.host_gone(at, out));
    }
}

/// One message is one line, whatever is in it; some publishers keep the newline.
fn line_of(payload: &[u8]) -> &[u8] {
    payload.strip_suffix(b"\n").unwrap_or(payload)
}

const fn channel(qso: &Qso) -> Channel {
    Channel {
        mode: qso.mode,
        slot: qso.slot,
        source: qso.source,
    }
}

fn open_call(qso: &Qso) -> OpenCall {
    OpenCall {
        channel: channel(qso),
        kind: qso.kind,
        talked_out: qso.end_reason == EndReason::Timeout,
    }
}
