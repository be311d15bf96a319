//! What follows from an exit: who comes back, when, who else goes down, and when it is too much.

use std::time::{Duration, Instant};

use super::child::{Cycle, Down, Goal, Phase};
use super::operator::Verdict;
use super::{Action, SupervisorCore};
use crate::exit::ExitReason;
use crate::policy::{OnExhausted, Restart};

impl SupervisorCore {
    pub(super) fn exited(&mut self, now: Instant, index: usize, incarnation: u64, reason: ExitReason) {
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        let phase = child.phase;
        if phase.incarnation() != Some(incarnation) {
            return;
        }
        child.phase = Phase::Down;
        let reason = in_context(phase, child.policy.start_within, reason);
        self.out.push(Action::Gone {
            child: index,
            incarnation,
            reason: reason.clone(),
        });
        let asked = match phase {
            Phase::Stopping { .. } => true,
            Phase::Killed { failed_start, .. } => !failed_start,
            Phase::Down | Phase::Starting { .. } | Phase::Running { .. } => false,
        };
        if asked || self.is_ending() || matches!(self.goal(index), Some(Goal::Down(_))) {
            self.ended_as_asked(index);
        } else {
            self.ended_by_itself(now, index, phase, reason);
        }
    }

    fn ended_as_asked(&mut self, index: usize) {
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        let felled = std::mem::replace(&mut child.cycle, Cycle::No) == Cycle::Felled;
        if felled && child.goal == Goal::Up && child.policy.restart == Restart::Temporary {
            child.goal = Goal::Down(Down::Ended);
        }
        if matches!(child.goal, Goal::Down(_)) {
            let request = child.request.take();
            self.reply(request, Verdict::Down);
        }
    }

    fn ended_by_itself(&mut self, now: Instant, index: usize, phase: Phase, reason: ExitReason) {
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        let wished = std::mem::replace(&mut child.cycle, Cycle::No) == Cycle::Wished;
        if let ExitReason::Disabled(why) = &reason {
            child.goal = Goal::Down(Down::Disabled(why.clone()));
        } else if !wished && !child.wants_restart(&reason) {
            child.goal = Goal::Down(Down::Ended);
        } else {
            if reason.is_collateral() {
                child.not_before = None;
            } else if !self.count_failure(now, index, phase, &reason) {
                return self.refuse_request(index, reason);
            }
            self.fell_siblings(index);
        }
        // A wish that came before this end is still to be met by the next start.
        if !wished || self.goal(index) != Some(&Goal::Up) {
            self.refuse_request(index, reason);
        }
    }

    /// Notes a restart. Answers false if it was one too many.
    fn count_failure(&mut self, now: Instant, index: usize, phase: Phase, reason: &ExitReason) -> bool {
        let noise = self.noise.next();
        let Some(child) = self.children.get_mut(index) else {
            return false;
        };
        let backoff = child.policy.backoff;
        if matches!(phase, Phase::Running { since, .. } if now.duration_since(since) >= backoff.reset_after) {
            child.streak = 0;
        }
        child.not_before = Some(now + backoff.delay(child.streak, noise));
        child.streak = child.streak.saturating_add(1);
        if self.is_within_budget(now, index) {
            self.window.push_back((now, index));
            return true;
        }
        self.exhausted(index, reason);
        false
    }

    /// Whether one more failure of this child is still normal life. Children whose failures go up to the parent share one
    /// budget, as in OTP: too many of them, whoever it was, and the group does not do its work. A child that is merely
    /// suspended has a budget of its own: it neither pays for its siblings' failures nor do they pay for its.
    fn is_within_budget(&mut self, now: Instant, index: usize) -> bool {
        while let Some((at, _)) = self.window.front()
            && now.duration_since(*at) > self.intensity.period
        {
            self.window.pop_front();
        }
        let escalates = |of: usize| {
            let child = self.children.get(of);
            child.is_some_and(|child| child.policy.on_exhausted == OnExhausted::Escalate)
        };
        let charged = |of: usize| of == index || escalates(index) && escalates(of);
        let spent = self.window.iter().filter(|(_, of)| charged(*of)).count();
        spent < self.intensity.max_restarts
    }

    fn exhausted(&mut self, index: usize, reason: &ExitReason) {
        let Some(child) = self.children.get_mut(index) else {
            return;
        };
        match child.policy.on_exhausted {
            OnExhausted::Suspend => {
                child.goal = Goal::Down(Down::Suspended);
                child.forgive();
                // An operator who starts it again gives it a new budget.
                self.window.retain(|(_, of)| *of != index);
            }
            OnExhausted::Escalate => {
                let child = child.id.clone();
                let cause = reason.to_string();
                self.begin_ending(Some(ExitReason::GaveUp { child, cause }));
            }
        }
    }

    /// Takes along the siblings that the strategy names and that are alive.
    pub(super) fn fell_siblings(&mut self, index: usize) {
        let strategy = self.strategy;
        let siblings = self.children.iter_mut().enumerate();
        for (_, sibling) in siblings.filter(|(at, _)| strategy.fells(index, *at)) {
            if sibling.is_live() && !sibling.phase.is_going_down() && sibling.cycle == Cycle::No {
                sibling.cycle = Cycle::Felled;
            }
        }
    }

    fn refuse_request(&mut self, index: usize, reason: ExitReason) {
        let request = self.children.get_mut(index).and_then(|child| child.request.take());
        self.reply(request, Verdict::Failed(reason));
    }
}

/// A child that was killed for not being up in time says only "killed": the phase knows better.
fn in_context(phase: Phase, start_within: Option<Duration>, reason: ExitReason) -> ExitReason {
    match (phase, start_within) {
        (Phase::Killed { failed_start: true, .. }, Some(limit)) => {
            ExitReason::StartFailed(format!("not up within {} ms", limit.as_millis()))
        }
        _ => reason,
    }
}
