//! Why a child is no longer up.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::id::ChildId;

/// Characters of a reason that are kept: histories stay small whatever a panic has to say.
const REASON_CHARS: usize = 1000;

/// Cuts what a child says about its end.
pub(crate) fn brief(mut reason: String) -> String {
    if let Some((end, _)) = reason.char_indices().nth(REASON_CHARS) {
        reason.truncate(end);
    }
    reason
}

/// The end of one incarnation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It stopped by itself (`ctx.stop()`).
    Normal,
    /// It was asked to stop and did.
    Shutdown,
    /// It was asked to stop, did not, and was dropped.
    Killed,
    /// It failed on purpose (`env.fail(reason)`, then `ctx.stop()`).
    Failed(String),
    /// A handler, a hook or a future of it panicked.
    Panicked {
        /// The panic's message.
        message: String,
        /// File and line.
        location: String,
    },
    /// One poll took longer than its limit; its thread was abandoned.
    Hung {
        /// How long it had been busy when it was found.
        busy: Duration,
    },
    /// Its mailbox answered no question within the limit.
    Stalled {
        /// How long the question had been open.
        silent: Duration,
    },
    /// Its thread ended under it.
    ArbiterLost,
    /// Its thread was lost by this neighbour's fault.
    Collateral(ChildId),
    /// It did not stop, not even when killed; it is fenced and its thread abandoned.
    Lost,
    /// Its factory answered an error, or it was not up in time.
    StartFailed(String),
    /// Its factory said that it is not wanted here. Not a failure, not restarted.
    Disabled(String),
    /// A supervisor whose children failed too often.
    GaveUp {
        /// The child that used up the intensity.
        child: ChildId,
        /// Why that child ended.
        cause: String,
    },
    /// The kernel itself cannot go on.
    Fatal(String),
}

impl ExitReason {
    /// An end that a transient child may rest after.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        matches!(
            self,
            ExitReason::Normal | ExitReason::Shutdown | ExitReason::Disabled(_)
        )
    }

    /// An end that somebody else caused: it is repaired at once and not counted.
    #[must_use]
    pub fn is_collateral(&self) -> bool {
        matches!(self, ExitReason::Collateral(_))
    }

    /// The constant word for it, as logs and the API write it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            ExitReason::Normal => "normal",
            ExitReason::Shutdown => "shutdown",
            ExitReason::Killed => "killed",
            ExitReason::Failed(_) => "failed",
            ExitReason::Panicked { .. } => "panicked",
            ExitReason::Hung { .. } => "hung",
            ExitReason::Stalled { .. } => "stalled",
            ExitReason::ArbiterLost => "arbiter_lost",
            ExitReason::Collateral(_) => "collateral",
            ExitReason::Lost => "lost",
            ExitReason::StartFailed(_) => "start_failed",
            ExitReason::Disabled(_) => "disabled",
            ExitReason::GaveUp { .. } => "gave_up",
            ExitReason::Fatal(_) => "fatal",
        }
    }

    /// What there is to say beyond the word.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        match self {
            ExitReason::Normal
            | ExitReason::Shutdown
            | ExitReason::Killed
            | ExitReason::ArbiterLost
            | ExitReason::Lost => None,
            ExitReason::Failed(why)
            | ExitReason::StartFailed(why)
            | ExitReason::Disabled(why)
            | ExitReason::Fatal(why) => Some(why.clone()),
            ExitReason::Panicked { message, .. } => Some(message.clone()),
            ExitReason::Hung { busy } => Some(format!("busy for {} ms", busy.as_millis())),
            ExitReason::Stalled { silent } => Some(format!("no answer for {} ms", silent.as_millis())),
            ExitReason::Collateral(culprit) => Some(format!("thread lost by {culprit}")),
            ExitReason::GaveUp { child, cause } => Some(format!("{child}: {cause}")),
        }
    }

    /// File and line of a panic.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        if let ExitReason::Panicked { location, .. } = self {
            return Some(location.as_str()).filter(|location| !location.is_empty());
        }
        None
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        if let Some(message) = self.message() {
            write!(f, ": {message}")?;
        }
        if let Some(location) = self.location() {
            write!(f, " at {location}")?;
        }
        Ok(())
    }
}

/// An [`ExitReason`] as the API writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExitView {
    /// `panicked`, `failed`, `hung`, …
    pub reason: &'static str,
    /// What there is to say beyond the word.
    pub message: Option<String>,
    /// File and line of a panic.
    pub location: Option<String>,
}

impl From<&ExitReason> for ExitView {
    fn from(reason: &ExitReason) -> ExitView {
        ExitView {
            reason: reason.word(),
            message: reason.message(),
            location: reason.location().map(str::to_owned),
        }
    }
}

impl Serialize for ExitReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ExitView::from(self).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_of_any_length_is_cut_between_characters() {
        assert_eq!(brief("ü".repeat(5000)).chars().count(), REASON_CHARS);
        assert_eq!(brief("short".to_owned()), "short");
    }

    #[test]
    fn exit_as_text_says_word_message_and_place() {
        let exit = ExitReason::Panicked {
            message: "boom".to_owned(),
            location: "src/a.rs:7".to_owned(),
        };
        assert_eq!(exit.to_string(), "panicked: boom at src/a.rs:7");
        assert_eq!(ExitReason::ArbiterLost.to_string(), "arbiter_lost");
    }
}
