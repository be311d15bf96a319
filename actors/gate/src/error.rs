//! Why the gate does not do what it was asked for.

use model::CommandId;
use thiserror::Error;

use crate::book::NoRoom;
use crate::effect::PlanError;
use crate::workflow::Refusal;

/// Nothing was done, unless the variant says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GateError {
    /// The gate is down, or has too much to do.
    #[error("the gate does not answer now; look into the list of commands before you try again")]
    Unavailable,
    /// The journal does not take the step. If it does so later, the step counts; nothing that would run then is run.
    #[error("the journal does not take the command; it was not run")]
    Journal,
    /// No subsystem understands the verb.
    #[error("there is no verb {0:?}")]
    NoVerb(String),
    /// There is no such command, or it is over.
    #[error("there is no command {0}")]
    NoCommand(CommandId),
    /// Too many.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The workflow does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It makes no sense.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// It breaks a limit.
    #[error("{0}")]
    Invalid(String),
}
