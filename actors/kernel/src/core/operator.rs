//! Operators' wishes. Each is answered once: met, failed, superseded by a newer one, or overtaken by the end.

use super::SupervisorCore;
use super::child::{Cycle, Down, Goal, Phase};
use crate::exit::ExitReason;

/// Names a request between the shell and the core.
pub type RequestId = u64;

/// What an operator may want of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Down and up again, together with the siblings that the strategy names; up, if it was down.
    Restart,
    /// Down, and held down.
    Stop,
    /// Up, whatever kept it down.
    Start,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The child is up.
    Up {
        /// Which incarnation.
        incarnation: u64,
    },
    /// The child is down.
    Down,
    /// The child ended instead.
    Failed(ExitReason),
    /// A newer request for the same child took its place.
    Superseded,
    /// The supervisor is ending or has no such child.
    Ending,
}

impl SupervisorCore {
    pub(super) fn operate(&mut self, request: RequestId, index: usize, operation: Operation) {
        let ending = self.is_ending();
        let Some(child) = self.children.get_mut(index).filter(|_| !ending) else {
            return self.reply(Some(request), Verdict::Ending);
        };
        let superseded = child.request.replace(request);
        match operation {
            Operation::Stop => child.goal = Goal::Down(Down::Held),
            Operation::Start | Operation::Restart => {
                child.goal = Goal::Up;
                child.forgive();
            }
        }
        if operation != Operation::Stop && child.cycle == Cycle::Felled {
            child.cycle = Cycle::Wished;
        }
        // One that is going down already comes up fresh anyway.
        let up = matches!(child.phase, Phase::Starting { .. } | Phase::Running { .. });
        if operation == Operation::Restart && up {
            child.cycle = Cycle::Wished;
            self.fell_siblings(index);
        }
        self.reply(superseded, Verdict::Superseded);
        self.answer_if_met(index);
    }

    /// A request for what is already so is met at once.
    fn answer_if_met(&mut self, index: usize) {
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        let verdict = match (&child.goal, child.phase) {
            (Goal::Down(_), Phase::Down) => Verdict::Down,
            (Goal::Up, Phase::Running { incarnation, .. }) if !child.cycle.is_pending() => Verdict::Up { incarnation },
            _ => return,
        };
        let request = child.request.take();
        self.reply(request, verdict);
    }
}
