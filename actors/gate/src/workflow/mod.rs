//! The life of a command: a pure state machine. Documents in, documents out; whether its time is up is an argument.
//!
//! ```text
//!             tier 4                      reject          time is up       cancel
//! asked for ─────────▶ refused   requested ─▶ rejected   ──▶ expired   ──▶ cancelled
//!    │ tier 2, 3
//!    ├──────────────▶ requested ── enough people, or an admin in an emergency ──▶ approved
//!    │ tier 1                                                                       │ token used up
//!    └──────────────────────────────────────────────────────────────▶ approved ──▶ executing ─▶ done | failed | unknown
//!                                                                        another command undoes it ──▶ rolled_back
//! ```
//!
//! **Invariant:** there is one way into `executing`, out of `approved`, and none back: a command runs at most once.

use model::{
    Command, CommandId, CommandState, Decision, Identity, Needs, Role, Step, Taken, Tier, Timestamp, Undo, Verdict,
};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::policy::Ruling;

/// Who the gate is in its own steps.
pub const GATE: &str = "gate";

/// What somebody wants done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    /// Whom it concerns.
    pub target: String,
    /// What to do.
    pub verb: String,
    /// With what.
    pub arguments: Map<String, Value>,
    /// Why.
    pub reason: String,
    /// Where it came from.
    pub origin: Option<String>,
    /// After this time it must not be begun any more.
    pub not_after: Option<Timestamp>,
    /// Which command it undoes.
    pub rolls_back: Option<CommandId>,
}

/// What a person does to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Agree: confirm or approve.
    Approve,
    /// Say no.
    Reject,
    /// Withdraw it; of one whose outcome is unknown: say that it was looked at.
    Cancel,
    /// Run it alone, in an emergency.
    Override,
}

impl Act {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Act::Approve => "approve",
            Act::Reject => "reject",
            Act::Cancel => "cancel",
            Act::Override => "override",
        }
    }
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Done, and what came of it.
    Done(Value),
    /// It was not done, or not wholly.
    Failed(String),
    /// Nobody knows.
    Unknown(String),
}

/// Why a step cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Their role does not go so far.
    #[error("this needs the role {needed}")]
    Role {
        /// The least that is enough.
        needed: Role,
    },
    /// Nobody agrees with themselves.
    #[error("whoever asks for a command of tier 3 cannot approve it, with no credential of theirs")]
    OwnRequest,
    /// One person, one voice.
    #[error("{0} has agreed already")]
    Twice(String),
    /// Only whoever asked, or an admin.
    #[error("only whoever asked, or an admin, can withdraw a command")]
    NotYours,
    /// An emergency has a reason.
    #[error("an override needs a reason")]
    NoReason,
    /// This station knows no emergencies.
    #[error("overrides are off (gate.emergency_override)")]
    OverrideOff,
    /// Its time is up.
    #[error("its time is up")]
    Expired,
    /// It is past that, or not there yet.
    #[error("the command is {}; {act} has no meaning", state_word(*.state))]
    State {
        /// Where it stands.
        state: CommandState,
        /// What was asked.
        act: &'static str,
    },
}

/// The word of a state, as in the API.
#[must_use]
pub const fn state_word(state: CommandState) -> &'static str {
    match state {
        CommandState::Requested => "requested",
        CommandState::Approved => "approved",
        CommandState::Rejected => "rejected",
        CommandState::Expired => "expired",
        CommandState::Cancelled => "cancelled",
        CommandState::Executing => "executing",
        CommandState::Done => "done",
        CommandState::Failed => "failed",
        CommandState::Unknown => "unknown",
        CommandState::RolledBack => "rolled_back",
        CommandState::Refused => "refused",
    }
}

/// A command as it begins: approved in tier 1, refused in tier 4, waiting in between.
#[must_use]
pub fn request(id: CommandId, order: Order, by: &Identity, needs: (Role, Ruling), at: Timestamp) -> Command {
    let (least, ruling) = needs;
    let role = ruling.role.filter(|role| role.covers(least)).unwrap_or(least);
    let mut command = Command {
        id,
        target: order.target,
        verb: order.verb,
        arguments: order.arguments,
        requested_by: by.name.to_string(),
        requester_role: by.role,
        requester_owner: by.owner.as_deref().map(str::to_owned),
        origin: order.origin,
        reason: order.reason,
        tier: ruling.tier,
        state: CommandState::Requested,
        not_after: order.not_after.unwrap_or(at),
        requested_at: at,
        decisions: Vec::new(),
        needs: Needs {
            role,
            people: ruling.people,
        },
        token: None,
        outcome: None,
        error: None,
        undo: None,
        rolls_back: order.rolls_back,
        events: Vec::new(),
    };
    let reason = command.reason.clone();
    note(&mut command, Step::Requested, at, Some(by), reason);
    match command.tier {
        Tier::Free => command.state = CommandState::Approved,
        Tier::Confirm | Tier::Approve => {}
        Tier::Refuse => {
            command.state = CommandState::Refused;
            note(
                &mut command,
                Step::Refused,
                at,
                None,
                "the policy forbids it".to_owned(),
            );
        }
    }
    command
}

/// What somebody does to a command. `due`: its time is up.
///
/// # Errors
/// See [`Refusal`].
pub fn decide(
    command: &Command,
    act: Act,
    by: &Identity,
    why: (&str, Timestamp),
    due: bool,
) -> Result<Command, Refusal> {
    let (reason, at) = why;
    let is_late = due && matches!(act, Act::Approve | Act::Override);
    match (command.state, act) {
        (CommandState::Requested, _) if is_late => Err(Refusal::Expired),
        (CommandState::Requested, Act::Approve) => approve(command, by, reason, at),
        (CommandState::Requested, Act::Override) => run_alone(command, by, reason, at),
        (CommandState::Requested, Act::Reject) => {
            needs(by, command.needs.role)?;
            let next = said(command, Verdict::Rejected, by, (reason, at), Step::Rejected);
            Ok(in_state(next, CommandState::Rejected))
        }
        (CommandState::Requested | CommandState::Approved, Act::Cancel) => {
            let may = command.is_requester(by) || by.role.covers(Role::Admin);
            may.then_some(()).ok_or(Refusal::NotYours)?;
            let mut next = command.clone();
            note(&mut next, Step::Cancelled, at, Some(by), reason.to_owned());
            Ok(in_state(next, CommandState::Cancelled))
        }
        (CommandState::Unknown, Act::Cancel) if !command.is_acknowledged() => {
            needs(by, Role::Operator)?;
            let why = (reason, at);
            Ok(said(command, Verdict::Acknowledged, by, why, Step::Acknowledged))
        }
        (state, _) => Err(Refusal::State {
            state,
            act: act.as_str(),
        }),
    }
}

fn approve(command: &Command, by: &Identity, reason: &str, at: Timestamp) -> Result<Command, Refusal> {
    needs(by, command.needs.role)?;
    let verdict = match command.tier {
        Tier::Free | Tier::Confirm => Verdict::Confirmed,
        Tier::Approve => Verdict::Approved,
        Tier::Refuse => {
            return Err(Refusal::State {
                state: CommandState::Refused,
                act: Act::Approve.as_str(),
            });
        }
    };
    if verdict == Verdict::Approved && command.is_requester(by) {
        return Err(Refusal::OwnRequest);
    }
    if command
        .decisions
        .iter()
        .any(|decision| decision.person() == by.person())
    {
        return Err(Refusal::Twice(by.person().to_owned()));
    }
    let next = said(command, verdict, by, (reason, at), Step::Approved);
    let enough = next.decisions.len() >= usize::from(next.needs.people);
    Ok(if enough {
        in_state(next, CommandState::Approved)
    } else {
        next
    })
}

fn run_alone(command: &Command, by: &Identity, reason: &str, at: Timestamp) -> Result<Command, Refusal> {
    needs(by, Role::Admin)?;
    if reason.trim().is_empty() {
        return Err(Refusal::NoReason);
    }
    let next = said(command, Verdict::Override, by, (reason, at), Step::Overridden);
    Ok(in_state(next, CommandState::Approved))
}

/// Its token is used up; from here on it may touch the world.
///
/// # Errors
/// When it is not approved, or its time is up.
pub fn execute(command: &Command, token: &str, at: Timestamp, due: bool) -> Result<Command, Refusal> {
    in_step(command, CommandState::Approved, "execute")?;
    if due {
        return Err(Refusal::Expired);
    }
    let mut next = command.clone();
    next.token = Some(token.to_owned());
    note(&mut next, Step::Executing, at, None, String::new());
    Ok(in_state(next, CommandState::Executing))
}

/// It ended.
///
/// # Errors
/// When it was not executing.
pub fn end(command: &Command, end: End, at: Timestamp) -> Result<Command, Refusal> {
    in_step(command, CommandState::Executing, "end")?;
    let mut next = command.clone();
    let (state, step, detail) = match end {
        End::Done(outcome) => {
            next.outcome = Some(outcome);
            (CommandState::Done, Step::Done, String::new())
        }
        End::Failed(error) => (CommandState::Failed, Step::Failed, error),
        End::Unknown(error) => (CommandState::Unknown, Step::Unknown, error),
    };
    next.error = Some(detail.clone()).filter(|detail| !detail.is_empty());
    note(&mut next, step, at, None, detail);
    Ok(in_state(next, state))
}

/// Its time is up.
///
/// # Errors
/// When it does not wait.
pub fn expire(command: &Command, at: Timestamp) -> Result<Command, Refusal> {
    let state = command.state;
    if !matches!(state, CommandState::Requested | CommandState::Approved) {
        return Err(Refusal::State { state, act: "expire" });
    }
    let mut next = command.clone();
    note(&mut next, Step::Expired, at, None, "nobody decided in time".to_owned());
    Ok(in_state(next, CommandState::Expired))
}

/// How it would be undone.
///
/// # Errors
/// When it was not done, or cannot be undone.
pub fn undoing(command: &Command) -> Result<&Undo, Refusal> {
    let ran = matches!(
        command.state,
        CommandState::Done | CommandState::Failed | CommandState::Unknown
    );
    let undo = command.undo.as_ref().filter(|_| ran);
    undo.ok_or(Refusal::State {
        state: command.state,
        act: "rollback",
    })
}

/// Another command has undone it.
///
/// # Errors
/// When it cannot be undone.
pub fn roll_back(command: &Command, by: &Command, at: Timestamp) -> Result<Command, Refusal> {
    undoing(command)?;
    let mut next = command.clone();
    next.events.push(Taken {
        step: Step::RolledBack,
        at,
        by: by.requested_by.clone(),
        role: Some(by.requester_role),
        detail: format!("undone by command {}", by.id),
    });
    Ok(in_state(next, CommandState::RolledBack))
}

/// Whether somebody's role goes so far.
pub(crate) fn needs(by: &Identity, needed: Role) -> Result<(), Refusal> {
    by.role.covers(needed).then_some(()).ok_or(Refusal::Role { needed })
}

fn in_step(command: &Command, wanted: CommandState, act: &'static str) -> Result<(), Refusal> {
    let state = command.state;
    (state == wanted).then_some(()).ok_or(Refusal::State { state, act })
}

fn in_state(mut command: Command, state: CommandState) -> Command {
    command.state = state;
    command
}

fn said(command: &Command, decision: Verdict, by: &Identity, why: (&str, Timestamp), step: Step) -> Command {
    let (reason, at) = why;
    let mut next = command.clone();
    next.decisions.push(Decision {
        by: by.name.to_string(),
        owner: by.owner.as_deref().map(str::to_owned),
        role: by.role,
        decision,
        reason: reason.to_owned(),
        at,
    });
    note(&mut next, step, at, Some(by), reason.to_owned());
    next
}

fn note(command: &mut Command, step: Step, at: Timestamp, by: Option<&Identity>, detail: String) {
    command.events.push(Taken {
        step,
        at,
        by: by.map_or(GATE, |by| &by.name).to_owned(),
        role: by.map(|by| by.role),
        detail,
    });
}

#[cfg(test)]
mod tests;
