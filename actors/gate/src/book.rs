//! The commands that are open: those that wait, run, or whose outcome somebody has to look at.
//!
//! Time is kept twice. While the service runs, a command's time is measured by the monotonic clock: a wall clock that jumps
//! neither approves nor expires anything. What is left of it is saved with every step. After a restart a command has no
//! more than what was left, and no more than the wall clock says: a clock that fell back gives nobody more time, and one that
//! ran ahead, or a service that was down for long, lets commands expire, which harms nobody.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::{Command, CommandId, CommandState, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most commands that are open.
pub(crate) const OPEN_MAX: usize = 64;
/// Most commands of one person that are open.
pub(crate) const OPEN_PER_PERSON_MAX: usize = 16;

/// Why there is no room for a command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoRoom {
    /// For nobody.
    #[error("{OPEN_MAX} commands are open; decide on them first")]
    Full,
    /// For this person.
    #[error("{0} has {OPEN_PER_PERSON_MAX} open commands; decide on them first")]
    Person(String),
}

/// An open command.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    /// As it stands.
    pub(crate) command: Command,
    /// When its time is up, by the monotonic clock.
    pub(crate) deadline: Instant,
    /// Whether this process has begun to run it.
    pub(crate) begun: bool,
    /// The command that it undoes, as that stood.
    pub(crate) original: Option<Box<Command>>,
}

impl Open {
    /// Whether its time is up.
    #[must_use]
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.deadline
    }

    /// Whether it waits for something that its time can run out on.
    #[must_use]
    pub(crate) fn waits(&self) -> bool {
        matches!(self.command.state, CommandState::Requested | CommandState::Approved)
    }
}

/// What is saved beside the documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// The process that wrote it.
    pub(crate) process: u64,
    /// The number of the next command.
    pub(crate) next: u64,
    /// What is left to each command that waits, in milliseconds.
    pub(crate) left_ms: BTreeMap<CommandId, u64>,
}

/// All open commands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    next: u64,
    open: BTreeMap<CommandId, Open>,
}

impl Book {
    /// From what was saved and the documents of the open commands. `newest`: the highest number in the journal.
    #[must_use]
    pub(crate) fn restore(saved: &Saved, documents: Vec<Command>, newest: u64, now: (Instant, Timestamp)) -> Book {
        let (instant, wall) = now;
        let open = documents.into_iter().map(|command| {
            let by_wall = command.not_after.since(wall);
            let left = saved.left_ms.get(&command.id).map(|ms| Duration::from_millis(*ms));
            let left = left.map_or(by_wall, |left| left.min(by_wall));
            let open = Open {
                deadline: instant.checked_add(left).unwrap_or(instant),
                begun: false,
                original: None,
                command,
            };
            (open.command.id, open)
        });
        Book {
            open: open.collect(),
            next: saved.next.max(newest.saturating_add(1)),
        }
    }

    /// What has to be saved.
    #[must_use]
    pub(crate) fn save(&self, process: u64, now: Instant) -> Saved {
        let left = |open: &Open| {
            let left = open.deadline.saturating_duration_since(now).as_millis();
            (open.command.id, u64::try_from(left).unwrap_or(u64::MAX))
        };
        Saved {
            process,
            next: self.next,
            left_ms: self.open.values().filter(|open| open.waits()).map(left).collect(),
        }
    }

    /// The number of a new command, if there is room for one of this person.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub(crate) fn number(&mut self, person: &str) -> Result<CommandId, NoRoom> {
        if self.open.len() >= OPEN_MAX {
            return Err(NoRoom::Full);
        }
        let theirs = self.open.values().filter(|open| open.command.requester() == person);
        if theirs.count() >= OPEN_PER_PERSON_MAX {
            return Err(NoRoom::Person(person.to_owned()));
        }
        let id = CommandId(self.next.max(1));
        self.next = id.0.saturating_add(1);
        Ok(id)
    }

    /// Adds a command; one that is closed is none of ours.
    pub(crate) fn add(&mut self, open: Open) {
        if open.command.is_open() {
            self.open.insert(open.command.id, open);
        }
    }

    /// Takes a command as it stands now; one that is closed leaves.
    pub(crate) fn update(&mut self, command: Command) {
        if !command.is_open() {
            self.open.remove(&command.id);
        } else if let Some(open) = self.open.get_mut(&command.id) {
            open.command = command;
        }
    }

    /// Notes that it is being run. `false`: it was begun before.
    pub(crate) fn begin(&mut self, id: CommandId) -> bool {
        self.open
            .get_mut(&id)
            .is_some_and(|open| !std::mem::replace(&mut open.begun, true))
    }

    /// Gives a command what it undoes.
    pub(crate) fn set_original(&mut self, id: CommandId, original: Command) {
        if let Some(open) = self.open.get_mut(&id) {
            open.original = Some(Box::new(original));
        }
    }

    /// An open command.
    #[must_use]
    pub(crate) fn get(&self, id: CommandId) -> Option<&Open> {
        self.open.get(&id)
    }

    /// All of them, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    /// When the next one's time is up.
    #[must_use]
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.open
            .values()
            .filter(|open| open.waits())
            .map(|open| open.deadline)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use model::{Identity, Role, Tier};
    use serde_json::json;

    use super::*;
    use crate::testing::{AT, command_of};

    const LEFT: Duration = Duration::from_secs(600);

    fn waiting(number: u64, who: &str) -> Command {
        let mut command = command_of(Tier::Approve, 1, &Identity::new(who, Role::Operator), json!({}));
        command.id = CommandId(number);
        command.not_after = AT.plus(LEFT);
        command
    }

    fn left_after_restart(saved: &Saved, wall: Timestamp) -> Duration {
        let now = Instant::now();
        let book = Book::restore(saved, vec![waiting(7, "ann")], 7, (now, wall));
        book.next_deadline().unwrap().saturating_duration_since(now)
    }

    fn saved(left: Duration) -> Saved {
        let left = u64::try_from(left.as_millis()).unwrap();
        Saved {
            process: 1,
            next: 3,
            left_ms: BTreeMap::from([(CommandId(7), left)]),
        }
    }

    #[test]
    fn clock_that_falls_back_gives_no_command_more_time() {
        let year_ago = AT.minus(Duration::from_secs(365 * 86_400));
        assert_eq!(left_after_restart(&saved(LEFT / 2), year_ago), LEFT / 2);
        assert_eq!(left_after_restart(&saved(LEFT), AT), LEFT);
    }

    #[test]
    fn clock_that_ran_ahead_over_a_restart_lets_a_command_expire() {
        assert_eq!(left_after_restart(&saved(LEFT), AT.plus(LEFT * 2)), Duration::ZERO);
        assert_eq!(left_after_restart(&Saved::default(), AT.plus(LEFT / 2)), LEFT / 2);
    }

    #[test]
    fn number_is_never_used_twice_whatever_was_saved() {
        let mut book = Book::restore(&saved(LEFT), Vec::new(), 7, (Instant::now(), AT));
        assert_eq!(book.number("ann"), Ok(CommandId(8)));
        assert_eq!(book.number("ann"), Ok(CommandId(9)));
    }

    #[test]
    fn one_person_cannot_take_all_the_room() {
        let mut book = Book::default();
        let mut refused = BTreeMap::new();
        for person in ["ann", "bob", "eve", "joe", "kim"] {
            for _ in 0..=OPEN_PER_PERSON_MAX {
                match book.number(person) {
                    Ok(id) => book.add(Open {
                        command: waiting(id.0, person),
                        deadline: Instant::now(),
                        begun: false,
                        original: None,
                    }),
                    Err(error) => drop(refused.insert(person, error)),
                }
            }
        }
        assert_eq!(book.iter().count(), OPEN_MAX);
        assert_eq!(refused["ann"], NoRoom::Person("ann".to_owned()));
        assert_eq!(refused["kim"], NoRoom::Full);
    }

    #[test]
    fn command_is_begun_once() {
        let mut book = Book::default();
        book.add(Open {
            command: waiting(1, "ann"),
            deadline: Instant::now(),
            begun: false,
            original: None,
        });
        assert_eq!([book.begin(CommandId(1)), book.begin(CommandId(1))], [true, false]);
        assert!(!book.begin(CommandId(2)));
    }
}
