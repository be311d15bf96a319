//! Commands: what somebody wants done in the outside world, and how far it has come.
//!
//! A command is one document from its request to its end. Every step of it is an event whose data is the document after
//! that step; the newest of them says where it stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{EventData, Identity, Role, Timestamp};

/// The number of a command, from 1, never used twice in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct CommandId(pub u64);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CommandId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<CommandId, Self::Err> {
        text.parse().map(CommandId)
    }
}

/// How much thought a command needs before it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Tier {
    /// 1: runs at once.
    Free,
    /// 2: an operator confirms it, who may be the one that asks.
    Confirm,
    /// 3: somebody else approves it.
    Approve,
    /// 4: nobody may.
    Refuse,
}

impl Tier {
    /// The number, 1 to 4.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Tier::Free => 1,
            Tier::Confirm => 2,
            Tier::Approve => 3,
            Tier::Refuse => 4,
        }
    }
}

impl From<Tier> for u8 {
    fn from(tier: Tier) -> u8 {
        tier.number()
    }
}

impl TryFrom<u8> for Tier {
    type Error = String;

    fn try_from(number: u8) -> Result<Tier, String> {
        let tiers = [Tier::Free, Tier::Confirm, Tier::Approve, Tier::Refuse];
        let named = tiers.into_iter().find(|tier| tier.number() == number);
        named.ok_or_else(|| format!("{number} is no tier; there are 1, 2, 3 and 4"))
    }
}

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// It waits for people.
    Requested,
    /// All who have to agree did; it is about to run.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// Whoever asked no longer wants it.
    Cancelled,
    /// It is being done.
    Executing,
    /// It is done.
    Done,
    /// It was tried and failed, or could not be begun.
    Failed,
    /// The service ended while it ran: nobody knows whether it was done. It is never run again by itself.
    Unknown,
    /// It was done, and undone by another command.
    RolledBack,
    /// The policy forbids it.
    Refused,
}

/// A step in the life of a command: the type of the event that tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Somebody asked for it.
    Requested,
    /// Somebody agreed; enough people, if its state says so.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Its time was up.
    Expired,
    /// It was withdrawn.
    Cancelled,
    /// Its token was issued and used up; what follows touches the world.
    Executing,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// Its outcome is lost.
    Unknown,
    /// It was undone.
    RolledBack,
    /// The policy forbade it.
    Refused,
    /// An admin ran it without those who should have agreed.
    Overridden,
    /// Somebody has looked at what an unknown command left behind.
    Acknowledged,
}

impl Step {
    /// The type of its event.
    #[must_use]
    pub const fn event_type(self) -> &'static str {
        match self {
            Step::Requested => "command_requested",
            Step::Approved => "command_approved",
            Step::Rejected => "command_rejected",
            Step::Expired => "command_expired",
            Step::Cancelled => "command_cancelled",
            Step::Executing => "command_executing",
            Step::Done => "command_done",
            Step::Failed => "command_failed",
            Step::Unknown => "command_unknown",
            Step::RolledBack => "command_rolled_back",
            Step::Refused => "command_refused",
            Step::Overridden => "command_overridden",
            Step::Acknowledged => "command_acknowledged",
        }
    }
}

/// What a person said to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes, as a second person.
    Approved,
    /// No.
    Rejected,
    /// Yes, after a second thought.
    Confirmed,
    /// Yes, at once, without those who should have agreed.
    Override,
    /// Seen: an unknown outcome was looked at.
    Acknowledged,
}

/// A person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// Who, by the name of the audit.
    pub by: String,
    /// Whose credential it was, if that is another name: the owner of a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// With which role.
    pub role: Role,
    /// What.
    pub decision: Verdict,
    /// Why, as they said.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Decision {
    /// The person behind it.
    #[must_use]
    pub fn person(&self) -> &str {
        self.owner.as_deref().unwrap_or(&self.by)
    }
}

/// Who has to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Needs {
    /// At least in this role.
    pub role: Role,
    /// So many people; 0 = nobody.
    pub people: u8,
}

/// How a command is undone: another command to the same target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Undo {
    /// What to do.
    pub verb: String,
    /// With what.
    #[schema(value_type = Object)]
    pub arguments: Map<String, Value>,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Taken {
    /// Which.
    pub step: Step,
    /// When.
    pub at: Timestamp,
    /// By whom; `gate` for what the gate did by itself.
    pub by: String,
    /// In which role; absent for the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Why, or what happened.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Something to be done in the outside world, with all that was decided about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Command {
    /// Its number.
    pub id: CommandId,
    /// Whom it concerns: the path of an actor, the name of a key.
    #[schema(example = "repeater/parser")]
    pub target: String,
    /// What to do.
    #[schema(example = "actor.restart")]
    pub verb: String,
    /// With what.
    #[schema(value_type = Object)]
    pub arguments: Map<String, Value>,
    /// Who asks, by the name of the audit.
    pub requested_by: String,
    /// In which role.
    pub requester_role: Role,
    /// Whose credential it was, if that is another name: the owner of a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_owner: Option<String>,
    /// Where it came from: an address, and what they call themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Why, as they said.
    pub reason: String,
    /// How much thought it needs.
    #[schema(value_type = u8, minimum = 1, maximum = 4, example = 2)]
    pub tier: Tier,
    /// Where it stands.
    pub state: CommandState,
    /// After this time it is not begun any more.
    pub not_after: Timestamp,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// What people said to it, oldest first.
    pub decisions: Vec<Decision>,
    /// Who has to agree.
    pub needs: Needs,
    /// The number of the token that it was run with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub outcome: Option<Value>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How it can be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// Which command it undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolls_back: Option<CommandId>,
    /// Its steps, oldest first.
    pub events: Vec<Taken>,
}

impl Command {
    /// The person who asks.
    #[must_use]
    pub fn requester(&self) -> &str {
        self.requester_owner.as_deref().unwrap_or(&self.requested_by)
    }

    /// Whether this is the person who asks, with whichever credential.
    #[must_use]
    pub fn is_requester(&self, who: &Identity) -> bool {
        self.requester() == who.person()
    }

    /// Whether somebody has looked at an unknown outcome.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.decisions
            .iter()
            .any(|decision| decision.decision == Verdict::Acknowledged)
    }

    /// Whether something can still happen to it by itself, or somebody has to look at it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.state {
            CommandState::Requested | CommandState::Approved | CommandState::Executing => true,
            CommandState::Unknown => !self.is_acknowledged(),
            CommandState::Rejected
            | CommandState::Expired
            | CommandState::Cancelled
            | CommandState::Done
            | CommandState::Failed
            | CommandState::RolledBack
            | CommandState::Refused => false,
        }
    }
}

/// The event of the newest step.
impl EventData for Command {
    fn event_type(&self) -> &'static str {
        self.events
            .last()
            .map_or(Step::Requested, |taken| taken.step)
            .event_type()
    }
}
