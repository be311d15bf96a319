//! The words of a change: what is asked for, what came of it, and how the journal tells it.

use model::EventData;
use serde::Serialize;

use super::plan::Difference;
use crate::config::ProblemShown;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A text that was staged under this number.
    Apply(u64),
    /// A version of before.
    Rollback(u64),
    /// What the file says now.
    Reload,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Changed {
    /// The version in force now.
    pub(crate) version: u64,
    /// Keys that are in force at once.
    pub(crate) applied: Vec<String>,
    /// Keys that need a restart of the service.
    pub(crate) after_restart: Vec<String>,
    /// Children that are restarted now.
    pub(crate) restarts: Vec<String>,
    /// Seconds after which the version before comes back by itself, if the station is worse than it was; null: it stays.
    pub(crate) trial_s: Option<u32>,
}

/// What the journal is told.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Fact {
    /// Another configuration is in force.
    Applied {
        version: u64,
        who: String,
        why: String,
        #[serde(flatten)]
        difference: Difference,
    },
    /// One of before is in force again.
    RolledBack {
        version: u64,
        from: u64,
        who: String,
        why: String,
        /// Nobody asked for it.
        automatic: bool,
        #[serde(flatten)]
        difference: Difference,
    },
    /// The station was no worse with it: the trial is over.
    Proved { version: u64 },
    /// It stays as it is.
    Refused {
        who: String,
        why: String,
        reason: String,
        problems: Vec<ProblemShown>,
    },
}

impl Fact {
    /// A change that was asked for: to a version, from another.
    pub(super) fn of(
        what: What,
        (version, from): (u64, u64),
        (who, why): (&str, &str),
        difference: &Difference,
    ) -> Fact {
        let (who, why, difference) = (who.to_owned(), why.to_owned(), difference.clone());
        match what {
            What::Apply(_) | What::Reload => Fact::Applied {
                version,
                who,
                why,
                difference,
            },
            What::Rollback(_) => Fact::RolledBack {
                version,
                from,
                who,
                why,
                automatic: false,
                difference,
            },
        }
    }
}

impl EventData for Fact {
    fn event_type(&self) -> &'static str {
        match self {
            Fact::Applied { .. } => "config_applied",
            Fact::RolledBack { .. } => "config_rolled_back",
            Fact::Proved { .. } => "config_proved",
            Fact::Refused { .. } => "config_refused",
        }
    }
}
