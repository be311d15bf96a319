//! What of the messages was set aside, counted by kind.

use serde::Serialize;

use super::json::Refusal;
use crate::grammar::Tally;

/// What was heard of a host, and what of it was set aside, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeedTally {
    /// The host's log lines.
    pub log: Tally,
    /// The gateways' log lines.
    pub gateways: Tally,
    /// JSON messages.
    pub json: u64,
    /// JSON messages that were too long.
    pub json_too_long: u64,
    /// JSON messages that were not UTF-8.
    pub json_not_utf8: u64,
    /// JSON messages that were no JSON.
    pub json_malformed: u64,
    /// JSON messages that were not one object under one key.
    pub json_wrong_shape: u64,
    /// JSON messages with a member of the wrong type.
    pub json_wrong_type: u64,
    /// JSON messages with an unknown key, action or name.
    pub json_unknown: u64,
    /// JSON messages without a valid time.
    pub json_bad_time: u64,
    /// Ends without a call.
    pub json_unpaired: u64,
    /// Lengths, rates and levels that cannot be; the rest of their messages was believed.
    pub json_absurd_values: u64,
}

impl FeedTally {
    /// The counts of what was set aside, by kind.
    pub fn by_kind(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let json = [
            ("json_too_long", self.json_too_long),
            ("json_not_utf8", self.json_not_utf8),
            ("json_malformed", self.json_malformed),
            ("json_wrong_shape", self.json_wrong_shape),
            ("json_wrong_type", self.json_wrong_type),
            ("json_unknown", self.json_unknown),
            ("json_bad_time", self.json_bad_time),
            ("json_unpaired", self.json_unpaired),
        ];
        let lines = self.log.by_kind().into_iter().zip(self.gateways.by_kind());
        lines
            .map(|((kind, host), (_, gateways))| (kind, host + gateways))
            .chain(json)
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        *match refusal {
            Refusal::TooLong => &mut self.json_too_long,
            Refusal::NotUtf8 => &mut self.json_not_utf8,
            Refusal::Malformed => &mut self.json_malformed,
            Refusal::WrongShape => &mut self.json_wrong_shape,
            Refusal::WrongType => &mut self.json_wrong_type,
            Refusal::Unknown => &mut self.json_unknown,
            Refusal::BadTime => &mut self.json_bad_time,
            Refusal::Unpaired => &mut self.json_unpaired,
        } += 1;
    }
}
