//! The station's health in one word, with its causes and since when.
//!
//! [`HealthLog::look`] asks the tree, the journal and the repeater; the rest is pure: findings and the time in, health out.
//! A cause is the same as long as its subject and severity are; its words may change (a count, a retry).
//! How long something lasts comes from the monotonic clock: a computer without a battery boots in 1970 and is told the time later.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gate::{Gate, GateStatus};
use journal::{Journal, JournalStatus, SetAside};
use kernel::{HealthCause, Supervision};
use model::power::{AlarmKind, AlarmOfDevice, DeviceState, PowerSystem};
use model::repeater::{HostState, ModemState, RepeaterState};
use model::{Signal, Source, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who says on the signal board how far the host's log is read.
const LOG_TAIL: &str = "repeater.log_tail";
/// Beneath this, those that follow the gateways' logs say the same.
const GATEWAYS: &str = "repeater.gateway";
/// Beneath this, those that listen to brokers say on the signal board how their connections are.
const BROKERS: &str = "repeater.mqtt";

/// A difference between the clocks that is no drift: somebody has set the wall clock.
const CLOCK_SET: Duration = Duration::from_secs(1);

/// How the station is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Word {
    /// All is well.
    Well,
    /// It works, but not all of it.
    Degraded,
    /// It does not do what it is for.
    Down,
}

/// Something that is not as it should be, as seen now.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// What: the path of an actor, `journal`, `host`.
    subject: String,
    /// How bad it is.
    word: Word,
    /// Why, in words.
    reason: String,
}

/// A finding with its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Cause {
    /// What: the path of an actor, `journal`, `host`.
    #[schema(example = "repeater/parser")]
    pub(crate) subject: String,
    /// How bad it is.
    pub(crate) health: Word,
    /// Why, in words.
    pub(crate) reason: String,
    /// Seen first.
    pub(crate) since: Timestamp,
}

/// The health of the station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Health {
    /// The word.
    pub(crate) health: Word,
    /// Since when it is this word.
    pub(crate) since: Timestamp,
    /// Why it is not `well`; the worst first.
    pub(crate) causes: Vec<Cause>,
}

/// Remembers since when things are as they are. Clones share the memory.
#[derive(Clone, Debug)]
pub(crate) struct HealthLog(Arc<Mutex<Memory>>);

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    wall: Timestamp,
    steady: Instant,
}

impl Moment {
    pub(crate) fn now() -> Moment {
        Moment {
            wall: Timestamp::now(),
            steady: Instant::now(),
        }
    }
}

/// What was wrong since the start, whether or not it still is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Troubles {
    /// How often something went wrong.
    pub(crate) count: u64,
    /// The newest of it.
    pub(crate) newest: Option<String>,
}

#[derive(Debug)]
struct Memory {
    /// When it was looked at last.
    seen: Moment,
    /// As seen last.
    health: Health,
    troubles: Troubles,
}

impl HealthLog {
    /// A station that has just begun counts as well.
    pub(crate) fn new(now: Moment) -> HealthLog {
        let health = Health {
            health: Word::Well,
            since: now.wall,
            causes: Vec::new(),
        };
        HealthLog(Arc::new(Mutex::new(Memory {
            seen: now,
            health,
            troubles: Troubles::default(),
        })))
    }

    /// Looks around and says how the station is now.
    pub(crate) fn look(&self, supervision: &Supervision, journal: &Journal, gate: &Gate) -> Health {
        let mut findings = of_tree(supervision.health());
        findings.extend(of_journal(&journal.status()));
        findings.extend(journal.opened().set_aside.as_ref().map(of_damage));
        findings.extend(repeater::states(journal).iter().flat_map(of_repeater));
        findings.extend(of_gate(&gate.status()));
        for tails in [LOG_TAIL, GATEWAYS] {
            findings.extend(journal.signals().snapshot(tails).iter().filter_map(of_log));
        }
        let now = Moment::now();
        let of_broker = |signal: &Signal| of_broker(signal, now.wall);
        findings.extend(journal.signals().snapshot(BROKERS).iter().filter_map(of_broker));
        findings.extend(power::devices(journal.signals()).iter().flat_map(of_device));
        findings.extend(power::system_now(journal.signals()).iter().flat_map(of_power_system));
        self.observe(now, findings)
    }

    /// The health by what is found now.
    fn observe(&self, now: Moment, findings: Vec<Finding>) -> Health {
        let mut memory = self.0.lock();
        memory.follow_clock(now);
        let next = next(&memory.health, now.wall, findings);
        memory.note_troubles(&next);
        memory.health.clone_from(&next);
        next
    }

    /// What was wrong since the start.
    pub(crate) fn troubles(&self) -> Troubles {
        self.0.lock().troubles.clone()
    }
}

impl Memory {
    /// The wall clock was set: what began some time ago began as long ago by the new time.
    fn follow_clock(&mut self, now: Moment) {
        let expected = self
            .seen
            .wall
            .plus(now.steady.saturating_duration_since(self.seen.steady));
        self.seen = now;
        let (forward, back) = (now.wall.since(expected), expected.since(now.wall));
        if forward.max(back) < CLOCK_SET {
            return;
        }
        let causes = self.health.causes.iter_mut().map(|cause| &mut cause.since);
        for since in causes.chain([&mut self.health.since]) {
            *since = since.plus(forward).minus(back);
        }
    }

    fn note_troubles(&mut self, next: &Health) {
        for cause in &next.causes {
            let is_old = |known: &Cause| known.subject == cause.subject && known.health == cause.health;
            if !self.health.causes.iter().any(is_old) {
                self.troubles.count = self.troubles.count.saturating_add(1);
                self.troubles.newest = Some(cause.reason.clone());
            }
        }
    }
}

fn next(last: &Health, now: Timestamp, findings: Vec<Finding>) -> Health {
    let mut causes: Vec<Cause> = findings.into_iter().map(|finding| cause(last, now, finding)).collect();
    causes.sort_by(|a, b| b.health.cmp(&a.health).then(a.since.cmp(&b.since)));
    let health = causes.first().map_or(Word::Well, |worst| worst.health);
    let since = if health == last.health { last.since } else { now };
    Health { health, since, causes }
}

fn cause(last: &Health, now: Timestamp, finding: Finding) -> Cause {
    let same = |known: &&Cause| known.subject == finding.subject && known.health == finding.word;
    let since = last.causes.iter().find(same).map_or(now, |known| known.since);
    Cause {
        subject: finding.subject,
        health: finding.word,
        reason: finding.reason,
        since,
    }
}

/// What the tree has to say about its children.
fn of_tree(health: kernel::Health) -> Vec<Finding> {
    let whole = |word, reason| Finding {
        subject: "station".to_owned(),
        word,
        reason,
    };
    match health {
        kernel::Health::Up => Vec::new(),
        kernel::Health::Down { cause } => vec![whole(Word::Down, cause)],
        kernel::Health::Degraded { causes } => {
            let finding = |cause: HealthCause| match cause.path.is_root() {
                true => whole(Word::Degraded, cause.reason),
                false => Finding {
                    subject: cause.path.to_string(),
                    word: Word::Degraded,
                    reason: cause.reason,
                },
            };
            causes.into_iter().map(finding).collect()
        }
    }
}

/// What a host's state has to say about it. The subjects of other hosts than the station's own are below their sources.
fn of_repeater((source, state): &(Source, RepeaterState)) -> Vec<Finding> {
    let host = match state.host.state {
        HostState::Stopped => Some("the repeater's host program has stopped"),
        HostState::Unknown | HostState::Starting | HostState::Running => None,
    };
    let modem = match state.modem.state {
        ModemState::Lost => Some("the host has lost its modem"),
        ModemState::Unknown | ModemState::Opening | ModemState::Ready | ModemState::Closed => None,
    };
    let hidden = state.calls_hidden.then_some("the host's log level hides its calls");
    [("host", host), ("modem", modem), ("log_level", hidden)]
        .into_iter()
        .filter_map(|(subject, reason)| {
            let other = source.as_str().strip_prefix("repeater.");
            Some(Finding {
                subject: other.map_or_else(|| subject.to_owned(), |name| format!("{name}/{subject}")),
                word: Word::Degraded,
                reason: reason?.to_owned(),
            })
        })
        .collect()
}

/// What a device of the power system has to say about itself.
fn of_device(device: &power::Device) -> Vec<Finding> {
    let finding = |subject: String, reason: String| Finding {
        subject,
        word: Word::Degraded,
        reason,
    };
    let problem = device.status.problem.as_deref().unwrap_or("no answer yet");
    let state = match device.status.state {
        DeviceState::Online | DeviceState::Probing => None,
        DeviceState::Disconnected => Some(format!("{} cannot be reached: {problem}", device.status.port)),
        DeviceState::Offline => Some(format!("the device does not answer: {problem}")),
        DeviceState::Degraded => Some(format!("the device leaves questions unanswered: {problem}")),
    };
    let name = &device.name;
    let alarms = device.status.alarms.iter();
    // A silent device is told by its state already.
    let alarms = alarms.filter(|alarm| alarm.kind != AlarmKind::DeviceSilent);
    let alarms = alarms.map(|alarm| finding(format!("power/{name}/{}", alarm.reading), alarm.text.clone()));
    let state = state.map(|reason| finding(format!("power/{name}"), reason));
    state.into_iter().chain(alarms).collect()
}

/// What is wrong with all devices together; what is wrong with one, it says itself.
fn of_power_system(system: &PowerSystem) -> Vec<Finding> {
    let own = system.alarms.iter().filter(|alarm| alarm.device == power::SYSTEM);
    let finding = own.map(|AlarmOfDevice { device, alarm }| Finding {
        subject: format!("power/{device}/{}", alarm.reading),
        word: Word::Degraded,
        reason: alarm.text.clone(),
    });
    finding.collect()
}

/// What a log tail has to say about the host's log, or about a gateway's.
fn of_log(progress: &Signal) -> Option<Finding> {
    #[derive(Deserialize)]
    struct Progress {
        problem: Option<String>,
    }
    if &*progress.name != "progress" {
        return None;
    }
    let source = progress.source.as_str().strip_prefix(GATEWAYS);
    let gateway = source.and_then(|rest| rest.strip_prefix('.'));
    let progress: Progress = serde_json::from_str(progress.data.get()).ok()?;
    progress.problem.map(|reason| Finding {
        subject: gateway.map_or_else(|| "log".to_owned(), |name| format!("repeater/gateways/{name}")),
        word: Word::Degraded,
        reason,
    })
}

/// What a listener has to say about its broker.
fn of_broker(link: &Signal, now: Timestamp) -> Option<Finding> {
    #[derive(Deserialize)]
    struct Link {
        broker: String,
        since: Timestamp,
        problem: Option<String>,
    }
    let name = link.source.as_str().strip_prefix(BROKERS)?.strip_prefix('.')?;
    let link: Link = serde_json::from_str(link.data.get()).ok()?;
    let problem = link.problem?;
    let minutes = now.since(link.since).as_secs() / 60;
    let duration = (minutes > 0).then(|| format!(" for {minutes} min"));
    Some(Finding {
        subject: format!("repeater/mqtt/{name}"),
        word: Word::Degraded,
        reason: format!(
            "mqtt broker {} unreachable{}: {problem}",
            link.broker,
            duration.unwrap_or_default()
        ),
    })
}

/// Stays until the next start: somebody should look at the file, and at the disk.
fn of_damage(set_aside: &SetAside) -> Finding {
    let file = set_aside.file.display();
    Finding {
        subject: "journal".to_owned(),
        word: Word::Degraded,
        reason: format!(
            "the journal was damaged ({}); it is kept as {file}, a new one began",
            set_aside.reason
        ),
    }
}

/// Stays until somebody has looked: nobody knows what was done.
fn of_gate(status: &GateStatus) -> Option<Finding> {
    let ids: Vec<String> = status.unknown.iter().map(ToString::to_string).collect();
    (!ids.is_empty()).then(|| Finding {
        subject: "gate".to_owned(),
        word: Word::Degraded,
        reason: format!(
            "the service ended while it ran command {}; look at what it left behind, then acknowledge it",
            ids.join(", ")
        ),
    })
}

/// What the journal's storage has to say.
fn of_journal(status: &JournalStatus) -> Option<Finding> {
    match status {
        JournalStatus::Ok => None,
        JournalStatus::Degraded { reason, .. } => Some(Finding {
            subject: "journal".to_owned(),
            word: Word::Degraded,
            reason: format!("nothing can be stored: {reason}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(subject: &str, word: Word, reason: &str) -> Finding {
        Finding {
            subject: subject.to_owned(),
            word,
            reason: reason.to_owned(),
        }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    /// Two clocks that agree, so many milliseconds behind the start.
    fn clocks() -> impl Fn(u64) -> Moment {
        let begin = Instant::now();
        move |ms| Moment {
            wall: Timestamp::from_unix_ms(0).plus(Duration::from_millis(ms)),
            steady: begin + Duration::from_millis(ms),
        }
    }

    #[test]
    fn health_takes_the_worst_word_and_names_its_cause_first() {
        let clock = clocks();
        let log = HealthLog::new(clock(0));
        let health = log.observe(
            clock(5),
            vec![
                finding("web", Word::Degraded, "restarting"),
                finding("journal", Word::Down, "gone"),
            ],
        );
        assert_eq!(health.health, Word::Down);
        assert_eq!(health.causes[0].subject, "journal");
        assert_eq!(health.since, at(5));
    }

    #[test]
    fn cause_keeps_its_beginning_while_its_words_change() {
        let clock = clocks();
        let log = HealthLog::new(clock(0));
        log.observe(clock(1), vec![finding("host", Word::Degraded, "silent for 1 min")]);
        let health = log.observe(clock(9), vec![finding("host", Word::Degraded, "silent for 2 min")]);
        assert_eq!(health.causes[0].since, at(1));
        assert_eq!(health.causes[0].reason, "silent for 2 min");
        assert_eq!(health.since, at(1));
    }

    #[test]
    fn broker_that_is_away_is_told_with_its_address_how_long_and_why() {
        let link = |problem: &str| {
            let since = at(0);
            let data =
                format!(r#"{{"broker":"127.0.0.1:1883","connected":false,"since":"{since}","problem":{problem}}}"#);
            Signal {
                at: since,
                source: Source::new("repeater.mqtt.gb7xx"),
                name: "connection".into(),
                data: Arc::from(serde_json::value::RawValue::from_string(data).unwrap()),
            }
        };
        assert_eq!(of_broker(&link("null"), at(1)), None);
        let reason = "mqtt broker 127.0.0.1:1883 unreachable for 2 min: refused";
        let expected = finding("repeater/mqtt/gb7xx", Word::Degraded, reason);
        assert_eq!(of_broker(&link("\"refused\""), at(150_000)), Some(expected));
    }

    #[test]
    fn health_is_well_again_once_nothing_is_found() {
        let clock = clocks();
        let log = HealthLog::new(clock(0));
        log.observe(clock(1), vec![finding("host", Word::Down, "x")]);
        let health = log.observe(clock(7), Vec::new());
        assert_eq!((health.health, health.since), (Word::Well, at(7)));
        assert!(health.causes.is_empty());
    }

    #[test]
    fn beginning_moves_with_a_clock_that_is_set() {
        let clock = clocks();
        let log = HealthLog::new(clock(0));
        let found = || vec![finding("host", Word::Degraded, "silent")];
        log.observe(clock(1000), found());
        // A minute later it is no longer 1970, and then it is put back by a day.
        let year_2026 = at(1_795_262_400_000);
        let set = |ms, wall| Moment { wall, ..clock(ms) };
        let health = log.observe(set(61_000, year_2026), found());
        let minute = Duration::from_secs(60);
        assert_eq!(
            (health.since, health.causes[0].since),
            (year_2026.minus(minute), year_2026.minus(minute))
        );
        let yesterday = year_2026.minus(Duration::from_hours(24));
        let health = log.observe(set(61_000, yesterday), found());
        assert_eq!(health.since, yesterday.minus(minute));
        // A drift is none of our business.
        let health = log.observe(set(62_000, yesterday.plus(Duration::from_millis(1400))), found());
        assert_eq!(health.since, yesterday.minus(minute));
    }

    #[test]
    fn trouble_is_counted_once_and_remembered_when_it_is_over() {
        let clock = clocks();
        let log = HealthLog::new(clock(0));
        let found = |reason| vec![finding("host", Word::Degraded, reason)];
        log.observe(clock(1), found("silent for 1 min"));
        log.observe(clock(2), found("silent for 2 min"));
        log.observe(clock(3), Vec::new());
        let once = Troubles {
            count: 1,
            newest: Some("silent for 1 min".to_owned()),
        };
        assert_eq!(log.troubles(), once);
        log.observe(clock(4), found("silent again"));
        assert_eq!(log.troubles().count, 2);
    }
}
