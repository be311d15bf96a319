//! What a device's answers mean for the station: whether it is there, what has changed, what is wrong, how much went through.
//!
//! ```text
//!              open                answer                  some commands fail
//! Disconnected ────▶ Probing ───────────────▶ Online ◀──────────────────────▶ Degraded
//!      ▲                │ three fail in a row    │ three fail in a row           │
//!      │                └──────────────▶ Offline ◀───────────────────────────────┘
//!      └── the port breaks, from everywhere ─────┘ answer: back to Online
//! ```
//!
//! Pure: what happened and the time in, facts out. What has to survive the actor is in [`Memory`], which is stored with the
//! facts in one transaction: an alarm is raised once and a day's energy counted once, whoever dies in between.

mod alarms;
mod energy;
mod link;
mod schedule;
mod taken;
mod telling;

use std::time::{Duration, Instant};

use model::Timestamp;
use model::power::{DeviceClass, DeviceState, DeviceStatus, LineQuality, PowerEvent, ReadingChanged, SettingChanged};
use serde::{Deserialize, Serialize};

use crate::config::AlarmConfig;
use crate::history::Gathering;
use alarms::Alarms;
use energy::Energy;
use link::Link;
use telling::Telling;

pub(crate) use schedule::Schedule;
pub(crate) use taken::{Taken, take};

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    pub(crate) steady: Instant,
}

/// What happens to a device.
#[derive(Debug)]
pub(crate) enum Happening<'a> {
    /// Its port is open.
    Opened,
    /// Its port cannot be opened, or broke.
    Lost { reason: String, next_try: Timestamp },
    /// It has told how it is.
    Answered { code: &'a str, taken: &'a [Taken] },
    /// It has told how it is set. A setting may have the name of a reading, and is never taken for it.
    Set { code: &'a str, taken: &'a [Taken] },
    /// It refuses a command.
    Refused { code: &'a str },
    /// All tries were in vain.
    Failed { code: &'a str, reason: String },
}

/// What survives the actor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// What was told last: online or offline.
    online: Option<bool>,
    alarms: Alarms,
    energy: Energy,
    gathering: Gathering,
}

/// Watches one device.
#[derive(Debug)]
pub(crate) struct Watch {
    protocol: String,
    class: DeviceClass,
    port: String,
    limits: AlarmConfig,
    link: Link,
    telling: Telling,
    settings: Telling,
    memory: Memory,
    pub(crate) quality: LineQuality,
}

impl Watch {
    pub(crate) fn new(
        (protocol, class): (&str, DeviceClass),
        port: &str,
        limits: AlarmConfig,
        memory: Memory,
        now: Moment,
    ) -> Watch {
        Watch {
            protocol: protocol.to_owned(),
            class,
            port: port.to_owned(),
            limits,
            link: Link::new(now),
            telling: Telling::default(),
            settings: Telling::default(),
            memory,
            quality: LineQuality::default(),
        }
    }

    /// What follows from what happened.
    pub(crate) fn step(&mut self, now: Moment, happening: Happening<'_>) -> Vec<PowerEvent> {
        let mut events = Vec::new();
        events.extend(self.memory.energy.turn_day(now.at));
        events.extend(self.memory.gathering.turn(now.at));
        match &happening {
            Happening::Answered { code, taken } => {
                self.memory.energy.add(now, code, taken);
                self.memory.gathering.add(now, code, taken);
                events.extend(self.memory.alarms.judge(&self.limits, now.at, taken));
                let changed = self.telling.changed(now.steady, taken);
                events.extend(changed.map(|readings| PowerEvent::ReadingChanged(ReadingChanged { readings })));
            }
            Happening::Set { taken, .. } => {
                let changed = self.settings.changed(now.steady, taken);
                events.extend(changed.map(|settings| PowerEvent::SettingChanged(SettingChanged { settings })));
            }
            Happening::Opened | Happening::Lost { .. } | Happening::Refused { .. } | Happening::Failed { .. } => {}
        }
        self.link.step(now, happening);
        events.extend(self.link.told(&mut self.memory.online, &self.protocol));
        let silence = self.link.silence(now.steady);
        events.extend(self.memory.alarms.silent(&self.limits, now.at, silence));
        events
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn state(&self) -> DeviceState {
        self.link.state()
    }

    pub(crate) fn is_away(&self) -> bool {
        matches!(self.state(), DeviceState::Offline | DeviceState::Disconnected)
    }

    pub(crate) fn status(&self) -> DeviceStatus {
        DeviceStatus {
            protocol: self.protocol.clone(),
            class: self.class,
            port: self.port.clone(),
            state: self.link.state(),
            since: self.link.since(),
            attempts: self.link.attempts(),
            next_try: self.link.next_try(),
            problem: self.link.problem(),
            alarms: self.memory.alarms.raised(),
            quality: self.quality.clone(),
        }
    }
}

/// How long `later` is after `earlier`.
fn between(earlier: Instant, later: Instant) -> Duration {
    later.saturating_duration_since(earlier)
}

#[cfg(test)]
mod tests;
