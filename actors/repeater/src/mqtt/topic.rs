//! Topics: `{Name}/log` and `{Name}/json`. A name may hold slashes; public dashboards use `mmdvm/{node}`.

use model::repeater::Mode;

/// What the last segment of a gateway's name is by convention, and the mode that it links.
const GATEWAYS: [(&str, Option<Mode>); 7] = [
    ("dmr-gateway", Some(Mode::Dmr)),
    ("ysf-gateway", Some(Mode::Ysf)),
    ("p25-gateway", Some(Mode::P25)),
    ("nxdn-gateway", Some(Mode::Nxdn)),
    ("dstar-gateway", Some(Mode::Dstar)),
    ("m17-gateway", Some(Mode::M17)),
    ("dapnet-gateway", None),
];

/// What kind of messages a topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// A log line with its frame, one a message.
    Log,
    /// One JSON object a message.
    Json,
}

/// A topic that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Topic<'a> {
    /// The program's name, as its `[MQTT]` section gives it.
    pub name: &'a str,
    /// What it carries.
    pub stream: Stream,
}

/// What a message is to a feed: who speaks, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// The host's log.
    HostLog,
    /// The host's JSON.
    HostJson,
    /// The log of a gateway, which tells of links only, and the mode that it links.
    GatewayLog(Option<Mode>),
}

/// The two topics of a program, to be subscribed to: log and JSON.
#[must_use]
pub fn subscriptions(name: &str) -> (String, String) {
    (format!("{name}/log"), format!("{name}/json"))
}

impl<'a> Topic<'a> {
    /// Reads a topic; `None` for those that tell nothing here (`display-out`, `command`, other programs').
    #[must_use]
    pub fn parse(topic: &'a str) -> Option<Topic<'a>> {
        let (name, stream) = topic.rsplit_once('/')?;
        let stream = match stream {
            "log" => Stream::Log,
            "json" => Stream::Json,
            _ => return None,
        };
        (!name.is_empty()).then_some(Topic { name, stream })
    }

    /// The mode that a gateway of this name links, by the names that gateways have by convention.
    #[must_use]
    pub fn linked_mode(self) -> Option<Mode> {
        self.gateway().and_then(|(_, mode)| mode)
    }

    fn gateway(self) -> Option<(&'static str, Option<Mode>)> {
        let program = self.name.rsplit('/').next().unwrap_or(self.name);
        GATEWAYS
            .into_iter()
            .find(|(name, _)| program.eq_ignore_ascii_case(name))
    }

    /// Who speaks here, by the names that hosts and gateways have by convention; `None` where a gateway speaks JSON,
    /// which tells nothing of links.
    #[must_use]
    pub fn voice(self) -> Option<Voice> {
        match (self.gateway(), self.stream) {
            (None, Stream::Log) => Some(Voice::HostLog),
            (None, Stream::Json) => Some(Voice::HostJson),
            (Some((_, mode)), Stream::Log) => Some(Voice::GatewayLog(mode)),
            (Some(_), Stream::Json) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_name_may_hold_slashes() {
        let topic = |name, stream| Some(Topic { name, stream });
        assert_eq!(Topic::parse("mmdvm/log"), topic("mmdvm", Stream::Log));
        assert_eq!(Topic::parse("mmdvm/gb7xx/json"), topic("mmdvm/gb7xx", Stream::Json));
        for other in [
            "log",
            "/log",
            "mmdvm",
            "mmdvm/display-out",
            "mmdvm/log/",
            "mmdvm/command",
            "",
        ] {
            assert_eq!(Topic::parse(other), None, "{other}");
        }
        assert_eq!(subscriptions("a/b"), ("a/b/log".to_owned(), "a/b/json".to_owned()));
    }

    #[test]
    fn topic_of_a_gateway_is_known_by_its_last_segment() {
        let voice = |topic| Topic::parse(topic).and_then(Topic::voice);
        assert_eq!(voice("mmdvm/json"), Some(Voice::HostJson));
        assert_eq!(voice("p25-gateway/log"), Some(Voice::GatewayLog(Some(Mode::P25))));
        assert_eq!(voice("site/YSF-Gateway/log"), Some(Voice::GatewayLog(Some(Mode::Ysf))));
        assert_eq!(voice("dapnet-gateway/log"), Some(Voice::GatewayLog(None)));
        assert_eq!(voice("ysf-gateway/json"), None);
        assert_eq!(voice("dmr-gateway/node/log"), Some(Voice::HostLog));
    }
}
