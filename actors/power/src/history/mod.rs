//! What devices read over the years: minutes, quarters of an hour, days.
//!
//! ```text
//! every poll ─▶ gather ── a minute is over: event ─▶ projection ── minute ─┬─ quarter ─┬─ day     each with min, mean, max
//!               in the device's checkpoint            one packed row for each device   └─ Wh      and the energy of powers
//! ```
//!
//! `gather` and `pack` are pure. Rows are merged, never replaced, so that a minute which the clock brings twice is one with
//! both halves in it; the journal applies each event once, so that none is counted twice.

mod gather;
mod pack;
mod projection;
mod query;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use gather::Gathering;
pub use projection::PowerHistory;
pub use query::{Asked, EnergyOfDay, Refused, Series, energy, series};

/// How long one point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub enum Step {
    /// A minute; kept for 30 days.
    #[serde(rename = "1m")]
    Minute,
    /// A quarter of an hour; kept for two years.
    #[serde(rename = "15m")]
    Quarter,
    /// A day by UTC; kept for ever.
    #[serde(rename = "1d")]
    Day,
}

/// Seconds of a day.
const DAY_S: i64 = 86_400;

impl Step {
    /// The finest first.
    pub(crate) const ALL: [Step; 3] = [Step::Minute, Step::Quarter, Step::Day];

    /// Its length.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        match self {
            Step::Minute => 60,
            Step::Quarter => 900,
            Step::Day => DAY_S,
        }
    }

    /// For how long its points are kept, in seconds.
    #[must_use]
    pub const fn kept_s(self) -> Option<i64> {
        match self {
            Step::Minute => Some(30 * DAY_S),
            Step::Quarter => Some(2 * 366 * DAY_S),
            Step::Day => None,
        }
    }

    /// The beginning of the step that this second is in.
    const fn of(self, second: i64) -> i64 {
        second - second.rem_euclid(self.seconds())
    }
}

#[cfg(test)]
mod tests;
