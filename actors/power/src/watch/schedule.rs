//! What to ask when. A command keeps its phase: one that was late is next due when it would have been anyway.

use std::time::{Duration, Instant};

/// One command's turns.
#[derive(Clone, Debug)]
struct Turn {
    period: Duration,
    due: Instant,
}

/// The commands of a device, by their position in the list that it was made from.
#[derive(Clone, Debug)]
pub(crate) struct Schedule(Vec<Turn>);

impl Schedule {
    /// Everything is due at once. A period of nothing is due again as soon as it is done.
    pub(crate) fn new(periods: impl IntoIterator<Item = Duration>, now: Instant) -> Schedule {
        Schedule(periods.into_iter().map(|period| Turn { period, due: now }).collect())
    }

    /// Which command is next, and when; of two that are due the one that waits longer, then the one that is named first.
    pub(crate) fn next(&self) -> Option<(usize, Instant)> {
        let turns = self.0.iter().enumerate().map(|(index, turn)| (index, turn.due));
        turns.min_by_key(|(_, due)| *due)
    }

    /// A command has had its turn. Turns that went by meanwhile are left out, not made up for.
    pub(crate) fn done(&mut self, index: usize, now: Instant) {
        if let Some(turn) = self.0.get_mut(index) {
            let late = now.saturating_duration_since(turn.due);
            let missed = late.as_nanos().checked_div(turn.period.as_nanos()).unwrap_or(0);
            let turns = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
            turn.due = match turn.period {
                Duration::ZERO => now,
                period => turn.due.checked_add(period.saturating_mul(turns)).unwrap_or(now),
            };
        }
    }

    /// Some commands are due now, which keep their phase from now on.
    pub(crate) fn hurry(&mut self, now: Instant, which: impl Fn(usize) -> bool) {
        let turns = self.0.iter_mut().enumerate();
        turns
            .filter(|(index, _)| which(*index))
            .for_each(|(_, turn)| turn.due = turn.due.min(now));
    }

    /// A command is not asked again before `until`.
    pub(crate) fn put_off(&mut self, index: usize, until: Instant) {
        if let Some(turn) = self.0.get_mut(index) {
            turn.due = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn command_that_was_answered_late_keeps_its_phase() {
        let start = Instant::now();
        let mut schedule = Schedule::new([SECOND], start);
        schedule.done(0, start + SECOND / 3);
        assert_eq!(schedule.next(), Some((0, start + SECOND)));
        schedule.done(0, start + SECOND * 5 / 2);
        assert_eq!(schedule.next(), Some((0, start + SECOND * 3)));
    }

    #[test]
    fn slow_commands_do_not_push_fast_ones_aside() {
        let start = Instant::now();
        let mut schedule = Schedule::new([SECOND, SECOND * 60], start);
        let mut asked = [0_u32; 2];
        let mut now = start;
        while let Some((index, due)) = schedule.next().filter(|(_, due)| *due < start + SECOND * 120) {
            now = now.max(due) + SECOND / 10;
            asked[index] += 1;
            schedule.done(index, now);
        }
        assert_eq!(asked, [120, 2]);
    }

    #[test]
    fn command_that_is_only_heard_is_due_again_at_once() {
        let start = Instant::now();
        let mut schedule = Schedule::new([Duration::ZERO], start);
        schedule.done(0, start + SECOND);
        assert_eq!(schedule.next(), Some((0, start + SECOND)));
    }
}
