//! Whether a device is there: the states of the diagram in `watch`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::Timestamp;
use model::power::{DeviceOffline, DeviceOnline, DeviceState, PowerEvent};

use super::{Happening, Moment, between};

/// Questions in a row without an answer after which a device counts as gone.
const GIVE_UP_AFTER: u32 = 3;

#[derive(Debug)]
pub(super) struct Link {
    state: DeviceState,
    since: Timestamp,
    /// When it was heard last, or began to be missed.
    heard: Instant,
    attempts: u32,
    next_try: Option<Timestamp>,
    /// Why the port is not open.
    lost: Option<String>,
    /// Commands whose last question was in vain, and why.
    failing: BTreeMap<String, String>,
    failures: u32,
}

impl Link {
    pub(super) fn new(now: Moment) -> Link {
        Link {
            state: DeviceState::Probing,
            since: now.at,
            heard: now.steady,
            attempts: 0,
            next_try: None,
            lost: None,
            failing: BTreeMap::new(),
            failures: 0,
        }
    }

    pub(super) fn step(&mut self, now: Moment, happening: Happening<'_>) {
        let state = match happening {
            Happening::Opened => {
                (self.attempts, self.next_try, self.lost) = (0, None, None);
                match self.state {
                    DeviceState::Disconnected => DeviceState::Probing,
                    state @ (DeviceState::Probing
                    | DeviceState::Online
                    | DeviceState::Degraded
                    | DeviceState::Offline) => state,
                }
            }
            Happening::Lost { reason, next_try } => {
                self.attempts = self.attempts.saturating_add(1);
                (self.next_try, self.lost) = (Some(next_try), Some(reason));
                self.failing.clear();
                self.failures = 0;
                DeviceState::Disconnected
            }
            Happening::Answered { code, .. } | Happening::Set { code, .. } | Happening::Refused { code } => {
                self.failing.remove(code);
                (self.heard, self.failures) = (now.steady, 0);
                self.answering()
            }
            Happening::Failed { code, reason } => {
                self.failing.insert(code.to_owned(), reason);
                self.failures = self.failures.saturating_add(1);
                match self.state {
                    _ if self.failures >= GIVE_UP_AFTER => DeviceState::Offline,
                    DeviceState::Online | DeviceState::Degraded => DeviceState::Degraded,
                    state @ (DeviceState::Disconnected | DeviceState::Probing | DeviceState::Offline) => state,
                }
            }
        };
        if state != self.state {
            (self.state, self.since) = (state, now.at);
        }
    }

    fn answering(&self) -> DeviceState {
        if self.failing.is_empty() {
            DeviceState::Online
        } else {
            DeviceState::Degraded
        }
    }

    /// What is to be told of it; `told` is what was told last.
    pub(super) fn told(&self, told: &mut Option<bool>, protocol: &str) -> Option<PowerEvent> {
        let online = match self.state {
            DeviceState::Probing => return None,
            DeviceState::Online | DeviceState::Degraded => true,
            DeviceState::Disconnected | DeviceState::Offline => false,
        };
        if *told == Some(online) {
            return None;
        }
        *told = Some(online);
        Some(if online {
            PowerEvent::Online(DeviceOnline {
                protocol: protocol.to_owned(),
            })
        } else {
            PowerEvent::Offline(DeviceOffline {
                reason: self.problem().unwrap_or_default(),
            })
        })
    }

    /// For how long a device that is gone was not heard.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        match self.state {
            DeviceState::Online | DeviceState::Degraded => Duration::ZERO,
            DeviceState::Disconnected | DeviceState::Probing | DeviceState::Offline => between(self.heard, now),
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        let failing = || {
            self.failing
                .iter()
                .next()
                .map(|(code, reason)| format!("{code}: {reason}"))
        };
        self.lost.clone().or_else(failing)
    }

    pub(super) fn state(&self) -> DeviceState {
        self.state
    }

    pub(super) fn since(&self) -> Timestamp {
        self.since
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn next_try(&self) -> Option<Timestamp> {
        self.next_try
    }
}
