//! The station's health in one word, with its causes and since when.
//!
//! [`HealthLog::look`] asks the tree, the journal and the repeater; the rest is pure: findings and the time in, health out.
//! A cause is the same as long as its subject and severity are; its words may change (a count, a retry).

use std::sync::Arc;

use gate::{Gate, GateStatus};
use journal::{Journal, JournalStatus, SetAside};
use kernel::{HealthCause, Supervision};
use model::repeater::{HostState, ModemState, RepeaterState};
use model::{Signal, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who says on the signal board how far the host's log is read.
const LOG_TAIL: &str = "repeater.log_tail";

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

#[derive(Debug)]
struct Memory {
    /// As seen last.
    health: Health,
    /// The word that the diary has.
    told: Word,
}

impl HealthLog {
    /// A station that has just begun counts as well.
    pub(crate) fn new(now: Timestamp) -> HealthLog {
        let health = Health {
            health: Word::Well,
            since: now,
            causes: Vec::new(),
        };
        HealthLog(Arc::new(Mutex::new(Memory {
            health,
            told: Word::Well,
        })))
    }

    /// Looks around and says how the station is now.
    pub(crate) fn look(&self, supervision: &Supervision, journal: &Journal, gate: &Gate) -> Health {
        let mut findings = of_tree(supervision.health());
        findings.extend(of_journal(&journal.status()));
        findings.extend(journal.opened().set_aside.as_ref().map(of_damage));
        findings.extend(of_gate(&gate.status()));
        findings.extend(repeater::current_state(journal).iter().flat_map(of_repeater));
        findings.extend(journal.signals().snapshot(LOG_TAIL).iter().filter_map(of_log));
        self.observe(Timestamp::now(), findings)
    }

    /// The health by what is found now.
    fn observe(&self, now: Timestamp, findings: Vec<Finding>) -> Health {
        let mut memory = self.0.lock();
        let next = next(&memory.health, now, findings);
        memory.health.clone_from(&next);
        next
    }

    /// Whether the diary does not have this word yet; it is taken to have it from now on.
    pub(crate) fn is_news(&self, word: Word) -> bool {
        std::mem::replace(&mut self.0.lock().told, word) != word
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

/// What the repeater's state has to say about the host.
fn of_repeater(state: &RepeaterState) -> Vec<Finding> {
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
            Some(Finding {
                subject: subject.to_owned(),
                word: Word::Degraded,
                reason: reason?.to_owned(),
            })
        })
        .collect()
}

/// What the log tail has to say about the host's log.
fn of_log(progress: &Signal) -> Option<Finding> {
    #[derive(Deserialize)]
    struct Progress {
        problem: Option<String>,
    }
    let progress: Progress = serde_json::from_str(progress.data.get()).ok()?;
    progress.problem.map(|reason| Finding {
        subject: "log".to_owned(),
        word: Word::Degraded,
        reason,
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

    #[test]
    fn health_takes_the_worst_word_and_names_its_cause_first() {
        let log = HealthLog::new(at(0));
        let health = log.observe(
            at(5),
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
        let log = HealthLog::new(at(0));
        log.observe(at(1), vec![finding("host", Word::Degraded, "silent for 1 min")]);
        let health = log.observe(at(9), vec![finding("host", Word::Degraded, "silent for 2 min")]);
        assert_eq!(health.causes[0].since, at(1));
        assert_eq!(health.causes[0].reason, "silent for 2 min");
        assert_eq!(health.since, at(1));
    }

    #[test]
    fn word_is_news_to_the_diary_once() {
        let log = HealthLog::new(at(0));
        let words = [Word::Well, Word::Down, Word::Down, Word::Well];
        assert_eq!(words.map(|word| log.is_news(word)), [false, true, false, true]);
    }

    #[test]
    fn health_is_well_again_once_nothing_is_found() {
        let log = HealthLog::new(at(0));
        log.observe(at(1), vec![finding("host", Word::Down, "x")]);
        let health = log.observe(at(7), Vec::new());
        assert_eq!((health.health, health.since), (Word::Well, at(7)));
        assert!(health.causes.is_empty());
    }
}
