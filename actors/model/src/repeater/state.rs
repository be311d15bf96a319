//! The repeater at this moment, as the API and the live page show it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HostConfiguration, HostMode, HostState, Link, ModemState, Qso};
use crate::Timestamp;

/// The repeater at this moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepeaterState {
    /// What it does.
    pub mode: HostMode,
    /// Since when, by the host's clock.
    pub mode_since: Option<Timestamp>,
    /// The calls that are running.
    pub active_calls: Vec<Qso>,
    /// Its links.
    pub links: Vec<LinkStatus>,
    /// The host program.
    pub host: HostStatus,
    /// The modem.
    pub modem: ModemStatus,
    /// The host's log level leaves calls out: no calls are seen because none can be.
    pub calls_hidden: bool,
    /// Time of the newest log line, by the host's clock.
    pub heard_at: Option<Timestamp>,
}

/// A link at this moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LinkStatus {
    /// The link.
    #[serde(flatten)]
    pub link: Link,
    /// Since when, by the host's clock.
    pub since: Timestamp,
}

/// The host program at this moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostStatus {
    /// What it is at.
    pub state: HostState,
    /// Its version.
    pub version: Option<String>,
    /// Its configuration.
    pub configuration: HostConfiguration,
}

/// The modem at this moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModemStatus {
    /// What it is at.
    pub state: ModemState,
    /// Its firmware's description.
    pub description: Option<String>,
}
