//! What a supervisor is told to do: plain data with OTP's names, and the defaults of an unattended station.

use std::time::Duration;

/// No backoff is longer than this, whatever the policy says: the clock cannot overflow by it.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Which siblings go down and come up with a failed child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Only the failed child.
    #[default]
    OneForOne,
    /// All of them: stopped in reverse order, started in order.
    OneForAll,
    /// The failed child and those after it.
    RestForOne,
}

impl Strategy {
    /// Whether order binds the siblings beyond the first boot.
    #[must_use]
    pub fn is_ordered(self) -> bool {
        self != Strategy::OneForOne
    }

    /// Whether the failure of `failed` fells `sibling` (positions in the order of start).
    #[must_use]
    pub fn fells(self, failed: usize, sibling: usize) -> bool {
        match self {
            Strategy::OneForOne => false,
            Strategy::OneForAll => sibling != failed,
            Strategy::RestForOne => sibling > failed,
        }
    }

    /// The word that the live tree shows.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Strategy::OneForOne => "one_for_one",
            Strategy::OneForAll => "one_for_all",
            Strategy::RestForOne => "rest_for_one",
        }
    }
}

/// Which exits are followed by a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Restart {
    /// Every exit.
    #[default]
    Permanent,
    /// Every exit except a normal one.
    Transient,
    /// None; also not when a sibling felled it.
    Temporary,
}

/// How long a child may take to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Asked to stop, killed after this long.
    Within(Duration),
    /// As long as it takes: for supervisors, whose children have limits of their own.
    Unlimited,
    /// Not asked: dropped at its next poll, without its hooks.
    Kill,
}

impl Default for Shutdown {
    /// OTP's limit for workers.
    fn default() -> Shutdown {
        Shutdown::Within(Duration::from_secs(5))
    }
}

/// Pauses between restarts: the first at once, then `min`, `min * factor`, up to `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The pause before the second restart in a row.
    pub min: Duration,
    /// The longest pause.
    pub max: Duration,
    /// What each pause is longer than the one before.
    pub factor: u32,
    /// Each pause is longer or shorter by up to this share, so that many children do not return in step.
    pub jitter_percent: u32,
    /// A child that ran this long starts the row afresh.
    pub reset_after: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff {
            min: Duration::from_millis(100),
            max: Duration::from_secs(30),
            factor: 2,
            jitter_percent: 20,
            reset_after: Duration::from_secs(60),
        }
    }
}

impl Backoff {
    /// The pause after `streak` failures in a row before this one; `noise` is any random number.
    #[must_use]
    pub fn delay(&self, streak: u32, noise: u64) -> Duration {
        let Some(doublings) = streak.checked_sub(1) else {
            return Duration::ZERO;
        };
        let longest = self.max.min(LONGEST_PAUSE);
        let plain = self
            .min
            .saturating_mul(self.factor.saturating_pow(doublings))
            .min(longest);
        let jitter = self.jitter_percent.min(100);
        let spread = u32::try_from(noise % u64::from(2 * jitter + 1)).unwrap_or(0);
        plain.saturating_mul(100 - jitter + spread) / 100
    }
}

/// How many restarts in a sliding window are still normal life: of all children together whose failures escalate, and of
/// each that is suspended for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// One more than this in `period` is too many.
    pub max_restarts: usize,
    /// Length of the window.
    pub period: Duration,
}

impl Default for Intensity {
    /// Wider than OTP's 1 in 5 s, which would give up before the backoff takes its first step.
    fn default() -> Intensity {
        Intensity {
            max_restarts: 5,
            period: Duration::from_secs(30),
        }
    }
}

/// What happens when a child exceeds the intensity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnExhausted {
    /// The supervisor stops all its children and gives up: its own parent decides.
    #[default]
    Escalate,
    /// This child stays down until an operator starts it; its siblings go on.
    Suspend,
}

/// When a child counts as hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HangPolicy {
    /// Longest single poll (a handler, `started`, the factory). Beyond it the thread is abandoned and replaced. A child
    /// that is about to wait for a slow device says so: [`ChildEnv::may_take`](crate::ChildEnv::may_take).
    pub busy: Duration,
    /// Questions to the mailbox; finds a child whose mailbox stands still (`ctx.wait`) on a living thread.
    pub ping: Option<PingPolicy>,
}

impl Default for HangPolicy {
    fn default() -> HangPolicy {
        HangPolicy {
            busy: Duration::from_secs(5),
            ping: Some(PingPolicy::default()),
        }
    }
}

/// How often a child is asked for a sign of life, and how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingPolicy {
    /// Pause between an answer and the next question.
    pub every: Duration,
    /// Longest wait for the answer, the messages queued before it included.
    pub within: Duration,
}

impl Default for PingPolicy {
    fn default() -> PingPolicy {
        PingPolicy {
            every: Duration::from_secs(5),
            within: Duration::from_secs(10),
        }
    }
}

/// The thread that a child lives on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The thread of this name, together with all others that name it.
    Shared(String),
    /// A thread of its own, a new one for each incarnation.
    Dedicated,
    /// A thread of its own under `SCHED_FIFO`; without the right to it: an ordinary one, and degraded health.
    Realtime {
        /// 1 (lowest) to 99.
        priority: u8,
    },
}

impl Default for Placement {
    fn default() -> Placement {
        Placement::Shared("main".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_first_restart_is_at_once_then_doubles_up_to_the_maximum() {
        let backoff = Backoff {
            jitter_percent: 0,
            ..Backoff::default()
        };
        let ms: Vec<u128> = (0..12).map(|n| backoff.delay(n, 7).as_millis()).collect();
        assert_eq!(
            ms,
            [0, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]
        );
    }

    #[test]
    fn backoff_jitter_stays_within_its_share() {
        let backoff = Backoff::default();
        for noise in 0..1000 {
            let ms = backoff.delay(1, noise).as_millis();
            assert!((80..=120).contains(&ms), "{ms}");
        }
    }

    #[test]
    fn backoff_without_a_maximum_does_not_overflow() {
        let endless = Backoff {
            max: Duration::MAX,
            ..Backoff::default()
        };
        assert!(endless.delay(u32::MAX, u64::MAX) <= LONGEST_PAUSE * 2);
    }

    #[test]
    fn backoff_after_very_many_failures_does_not_overflow() {
        assert!(Backoff::default().delay(u32::MAX, u64::MAX) <= Duration::from_secs(36));
    }
}
