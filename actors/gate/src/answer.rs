//! What the gate answers.

use model::{Command, CommandId, Needs, Tier};
use tokio::sync::oneshot;

/// What the gate shows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateStatus {
    /// Commands that wait for people.
    pub waiting: usize,
    /// Commands whose outcome nobody knows and nobody has looked at.
    pub unknown: Vec<CommandId>,
    /// Steps that the journal does not have yet.
    pub unsaved: usize,
}

/// A command that was taken.
#[derive(Debug)]
pub struct Submitted {
    /// As it stands.
    pub command: Command,
    /// Resolves when it has ended, if it was begun.
    pub end: Option<oneshot::Receiver<Command>>,
}

/// What a command would come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// How much thought it needs.
    pub tier: Tier,
    /// What would happen, in words.
    pub would: String,
    /// Who would have to agree.
    pub needs: Needs,
    /// Whether this person may ask for it, and the policy leaves a way.
    pub allowed: bool,
}
