//! How many requests a client may make: a bucket of tokens each, that fills again. Pure: time in, pauses out.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::access::{Credential, Forgetful};

/// Clients remembered at least. One that is forgotten begins with a full bucket.
const REMEMBERED: usize = 2048;

/// A full bucket, in seconds of the lasting rate: a page asks for many things at once.
const BURST_S: f64 = 4.0;

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// Those with this key or session, wherever they are.
    Shown(Credential),
    /// Those who showed nothing good, by where they are.
    At(IpAddr),
}

/// Tokens taken, as of a moment.
#[derive(Default)]
struct Bucket {
    taken: f64,
    at: Option<Instant>,
}

pub(super) struct Rate {
    per_second: f64,
    buckets: Forgetful<Who, Bucket>,
}

impl Rate {
    /// 0: no limit.
    pub(super) fn new(per_second: u32) -> Rate {
        Rate {
            per_second: f64::from(per_second),
            buckets: Forgetful::new(REMEMBERED),
        }
    }

    /// Takes a token, or says when there will be one.
    pub(super) fn take(&mut self, who: Who, now: Instant) -> Result<(), Duration> {
        if self.per_second <= 0.0 {
            return Ok(());
        }
        let bucket = self.buckets.entry(who);
        let passed = bucket
            .at
            .map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        bucket.at = Some(now);
        bucket.taken = passed.mul_add(-self.per_second, bucket.taken).max(0.0);
        let over = bucket.taken + 1.0 - BURST_S * self.per_second;
        if over > 0.0 {
            return Err(Duration::from_secs_f64(over / self.per_second));
        }
        bucket.taken += 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> Who {
        Who::At(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn client_gets_its_burst_then_its_rate_and_others_are_not_touched() {
        let mut rate = Rate::new(10);
        let start = Instant::now();
        let passed = (0..100).filter(|_| rate.take(at(1), start).is_ok()).count();
        assert_eq!(passed, 40);
        let wait = rate.take(at(1), start).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(101), "{wait:?}");
        assert_eq!(rate.take(at(2), start), Ok(()));
        let mut passed = 0;
        for step in 1..=1000 {
            passed += usize::from(rate.take(at(1), start + step * Duration::from_millis(10)).is_ok());
        }
        assert!((98..=101).contains(&passed), "{passed} in ten seconds");
    }

    #[test]
    fn rate_of_zero_is_no_limit() {
        let mut rate = Rate::new(0);
        let now = Instant::now();
        assert!((0..10_000).all(|_| rate.take(at(1), now).is_ok()));
    }
}
