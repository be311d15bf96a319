//! The passes that bring the world nearer to the table: what is overdue, stops in reverse, starts in order.

use std::time::Instant;

use super::child::{ChildState, Goal, Phase};
use super::{Action, KILL_GRACE, Mode, SupervisorCore};
use crate::exit::ExitReason;
use crate::policy::Shutdown;

impl SupervisorCore {
    pub(super) fn reconcile(&mut self, now: Instant) {
        self.give_up_the_lost(now);
        self.stop_in_reverse(now);
        match self.mode {
            Mode::Up => self.start_in_order(now),
            Mode::Ending(_) => self.end_once_all_are_down(),
            Mode::Over => {}
        }
        self.out.extend(self.next_wake(now).map(Action::WakeAt));
    }

    fn give_up_the_lost(&mut self, now: Instant) {
        let overdue = |(at, child): (usize, &ChildState)| {
            let killed = matches!(child.phase, Phase::Killed { deadline, .. } if now >= deadline);
            child
                .phase
                .incarnation()
                .filter(|_| killed)
                .map(|incarnation| (at, incarnation))
        };
        let lost: Vec<(usize, u64)> = self.children.iter().enumerate().filter_map(overdue).collect();
        for (child, incarnation) in lost {
            self.out.push(Action::Abandon { child, incarnation });
            self.exited(now, child, incarnation, ExitReason::Lost);
        }
    }

    fn stop_in_reverse(&mut self, now: Instant) {
        let ending = self.mode != Mode::Up;
        let ordered = ending || self.strategy.is_ordered();
        let mut later_falling = false;
        for (index, child) in self.children.iter_mut().enumerate().rev() {
            let unwanted = ending || is_unwanted(child);
            let may_stop = unwanted && !(ordered && later_falling);
            let action = match child.phase {
                Phase::Starting { incarnation, .. } | Phase::Running { incarnation, .. } if may_stop => {
                    Some(stop(child, (index, incarnation), now))
                }
                Phase::Starting {
                    incarnation,
                    deadline: Some(deadline),
                } if now >= deadline => Some(kill(child, (index, incarnation), now, true)),
                Phase::Stopping {
                    incarnation,
                    deadline: Some(deadline),
                } if now >= deadline => Some(kill(child, (index, incarnation), now, false)),
                Phase::Down
                | Phase::Starting { .. }
                | Phase::Running { .. }
                | Phase::Stopping { .. }
                | Phase::Killed { .. } => None,
            };
            self.out.extend(action);
            later_falling |= child.is_live() && (unwanted || child.phase.is_going_down());
        }
    }

    fn start_in_order(&mut self, now: Instant) {
        let ordered = self.strategy.is_ordered();
        let falling = |child: &ChildState| child.is_live() && (is_unwanted(child) || child.phase.is_going_down());
        let last_falling = self.children.iter().rposition(falling).filter(|_| ordered);
        let mut earlier_settled = true;
        for (index, child) in self.children.iter_mut().enumerate() {
            let waits_its_turn = ordered || !(self.booted || child.had_its_turn);
            let gated = (waits_its_turn && !earlier_settled) || last_falling.is_some_and(|last| last > index);
            let due = child.not_before.is_none_or(|at| now >= at);
            if child.phase == Phase::Down && child.goal == Goal::Up && due && !gated {
                self.out.push(start(child, index, now));
            }
            earlier_settled &= child.goal != Goal::Up || child.is_settled_up();
        }
        if earlier_settled && !self.booted {
            self.booted = true;
            self.out.push(Action::Booted);
        }
    }

    fn end_once_all_are_down(&mut self) {
        if self.children.iter().any(ChildState::is_live) {
            return;
        }
        if let Mode::Ending(why) = std::mem::replace(&mut self.mode, Mode::Over) {
            self.out.push(why.map_or(Action::Terminated, Action::Escalate));
        }
    }

    fn next_wake(&self, now: Instant) -> Option<Instant> {
        let wakes = self.children.iter().flat_map(|child| {
            let backing_off = self.mode == Mode::Up && child.phase == Phase::Down && child.goal == Goal::Up;
            let due = child.not_before.filter(|at| backing_off && *at > now);
            [child.phase.deadline(), due]
        });
        wakes.flatten().min()
    }
}

/// To go down as soon as the order allows.
fn is_unwanted(child: &ChildState) -> bool {
    child.goal != Goal::Up || child.cycle.is_pending()
}

fn start(child: &mut ChildState, index: usize, now: Instant) -> Action {
    child.last_incarnation += 1;
    child.had_its_turn = true;
    child.not_before = None;
    let incarnation = child.last_incarnation;
    child.phase = Phase::Starting {
        incarnation,
        deadline: child.policy.start_within.and_then(|limit| now.checked_add(limit)),
    };
    Action::Start {
        child: index,
        incarnation,
    }
}

fn stop(child: &mut ChildState, (index, incarnation): (usize, u64), now: Instant) -> Action {
    let deadline = match child.policy.shutdown {
        Shutdown::Kill => return kill(child, (index, incarnation), now, false),
        // A limit beyond the clock's end is none.
        Shutdown::Within(limit) => now.checked_add(limit),
        Shutdown::Unlimited => None,
    };
    child.phase = Phase::Stopping { incarnation, deadline };
    Action::Stop {
        child: index,
        incarnation,
    }
}

fn kill(child: &mut ChildState, (index, incarnation): (usize, u64), now: Instant, failed_start: bool) -> Action {
    child.phase = Phase::Killed {
        incarnation,
        deadline: now + KILL_GRACE,
        failed_start,
    };
    Action::Kill {
        child: index,
        incarnation,
    }
}
