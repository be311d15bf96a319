//! How fast passwords may be guessed. Pure: time in, pauses out.
//!
//! Failures are counted for a name from an address, for an address, and for a name from anywhere; each has pauses that double.
//! An attempt counts as failed until it has succeeded, so that many at once gain nothing. The owner is not locked out:
//! where they have signed in before, only their own failures there count, with a pause of two seconds at most.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::forgetful::Forgetful;

/// Names and addresses remembered at least, of each kind.
const REMEMBERED: usize = 2048;

/// Failures are forgotten when nothing was tried for so long after the pause.
const FORGIVEN_AFTER: Duration = Duration::from_secs(15 * 60);

/// How a count of failures becomes a pause.
struct Rule {
    /// Failures without a pause.
    free: u32,
    /// The longest pause.
    most: Duration,
}

/// One who mistypes has some tries, then waits 1, 2, 4 … seconds.
const PAIR: Rule = Rule {
    free: 4,
    most: Duration::from_secs(300),
};
/// Several people may sit behind one address.
const ADDRESS: Rule = Rule {
    free: 12,
    most: Duration::from_secs(300),
};
/// Many addresses guess one name. Short, because the owner on the road meets it too.
const NAME: Rule = Rule {
    free: 20,
    most: Duration::from_secs(5),
};
/// From where the owner has signed in before.
const KNOWN: Rule = Rule {
    free: 4,
    most: Duration::from_secs(2),
};

#[derive(Default)]
struct Failures {
    count: u32,
    until: Option<Instant>,
}

impl Failures {
    /// What is left of the pause.
    fn left(&self, now: Instant) -> Duration {
        self.until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    fn add(&mut self, rule: &Rule, now: Instant) {
        if self
            .until
            .is_some_and(|until| now.saturating_duration_since(until) > FORGIVEN_AFTER)
        {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        let doubled = self
            .count
            .checked_sub(rule.free)
            .map(|over| 1_u64.checked_shl(over.min(32)).unwrap_or(u64::MAX));
        let pause = doubled.map_or(Duration::ZERO, |seconds| {
            Duration::from_secs(seconds / 2).min(rule.most)
        });
        self.until = Some(now + pause);
    }

    fn take_back(&mut self) {
        self.count = self.count.saturating_sub(1);
        self.until = None;
    }
}

/// Counts failures.
pub(crate) struct Throttle {
    pairs: Forgetful<(String, IpAddr), Failures>,
    addresses: Forgetful<IpAddr, Failures>,
    names: Forgetful<String, Failures>,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle {
            pairs: Forgetful::new(REMEMBERED),
            addresses: Forgetful::new(REMEMBERED),
            names: Forgetful::new(REMEMBERED),
        }
    }
}

impl Throttle {
    /// Lets an attempt pass and counts it as failed, or says how long to wait. `known`: they have signed in from there before.
    pub(crate) fn begin(&mut self, name: &str, address: IpAddr, known: bool, now: Instant) -> Result<(), Duration> {
        let pair = self.pairs.entry((name.to_owned(), address));
        if known {
            let left = pair.left(now);
            if left > Duration::ZERO {
                return Err(left);
            }
            pair.add(&KNOWN, now);
            return Ok(());
        }
        let at = self.addresses.entry(address);
        let of = self.names.entry(name.to_owned());
        let left = pair.left(now).max(at.left(now)).max(of.left(now));
        if left > Duration::ZERO {
            return Err(left);
        }
        pair.add(&PAIR, now);
        at.add(&ADDRESS, now);
        of.add(&NAME, now);
        Ok(())
    }

    /// The attempt was none at guessing.
    pub(crate) fn succeeded(&mut self, name: &str, address: IpAddr, known: bool) {
        self.pairs.forget(&(name.to_owned(), address));
        if !known {
            self.addresses.entry(address).take_back();
            self.names.entry(name.to_owned()).take_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Attempts that pass within a time, if each is made as soon as it may be.
    fn passed(throttle: &mut Throttle, name: &str, addresses: &[IpAddr], known: bool, within: Duration) -> u32 {
        let start = Instant::now();
        let (mut passed, mut now) = (0, start);
        while now < start + within {
            let tried: Vec<_> = addresses
                .iter()
                .map(|address| throttle.begin(name, *address, known, now))
                .collect();
            passed += u32::try_from(tried.iter().filter(|tried| tried.is_ok()).count()).unwrap();
            now += Duration::from_millis(500);
        }
        passed
    }

    #[test]
    fn guesser_at_one_address_gets_a_few_dozen_attempts_an_hour() {
        let hour = Duration::from_secs(3600);
        let passed = passed(&mut Throttle::default(), "ann", &[at(1)], false, hour);
        assert!((5..40).contains(&passed), "{passed}");
    }

    #[test]
    fn guessers_at_many_addresses_share_the_pace_of_the_name() {
        let addresses: Vec<_> = (1..=200).map(at).collect();
        let hour = Duration::from_secs(3600);
        let passed = passed(&mut Throttle::default(), "ann", &addresses, false, hour);
        assert!(passed <= 20 + 3600 / 5 + 10, "{passed}");
    }

    #[test]
    fn owner_passes_from_a_known_address_while_others_guess() {
        let mut throttle = Throttle::default();
        let addresses: Vec<_> = (1..=200).map(at).collect();
        passed(&mut throttle, "ann", &addresses, false, Duration::from_secs(600));
        assert_eq!(throttle.begin("ann", at(250), true, Instant::now()), Ok(()));
    }

    #[test]
    fn owner_whose_address_is_shared_with_a_guesser_waits_two_seconds_at_most() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..50 {
            let wait = throttle.begin("ann", at(1), true, now).err().unwrap_or_default();
            assert!(wait <= Duration::from_secs(2), "{wait:?}");
        }
    }

    #[test]
    fn success_makes_forget_the_failures_before() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..100 {
            assert_eq!(throttle.begin("ann", at(1), false, now), Ok(()));
            throttle.succeeded("ann", at(1), false);
        }
    }

    #[test]
    fn many_at_once_gain_nothing() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        let passed = (0..100)
            .filter(|_| throttle.begin("ann", at(1), false, now).is_ok())
            .count();
        assert!(passed <= 5, "{passed}");
    }
}
