//! `[clients]`: how many may be connected, together and from one address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// Each takes an open file, and Linux gives a process no more than a million of them (`fs.nr_open`).
const COUNTS: RangeInclusive<usize> = 1..=65_536;

/// `[clients]`: how many may be connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClientsConfig {
    /// Live sessions (WebSocket and server-sent events) at a time.
    pub(crate) max_sessions: usize,
    /// Connections at a time from one IPv4 address, or from one IPv6 network of 64 bits.
    pub(crate) max_per_address: usize,
    /// Addresses behind which there are many clients, such as a reverse proxy: `max_per_address` does not hold for them.
    pub(crate) shared_addresses: Vec<IpAddr>,
}

impl Default for ClientsConfig {
    fn default() -> ClientsConfig {
        ClientsConfig {
            max_sessions: 6000,
            max_per_address: 64,
            shared_addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        }
    }
}

impl ClientsConfig {
    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        let counts = [
            ("max_sessions", self.max_sessions),
            ("max_per_address", self.max_per_address),
        ];
        let wrong = counts.into_iter().filter(|(_, count)| !COUNTS.contains(count));
        let (fewest, most) = (COUNTS.start(), COUNTS.end());
        wrong
            .map(|(key, count)| (key.to_owned(), format!("must be {fewest} to {most}, not {count}")))
            .collect()
    }
}
