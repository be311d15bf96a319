//! Whose topic is it? By configuration, not by convention: a host may be called anything.

use crate::config::MqttConfig;
use crate::mqtt::{Stream, Topic, Voice, subscriptions};

/// The programs that are listened to.
#[derive(Clone, Debug)]
pub(super) struct Voices {
    host: String,
    gateways: Vec<String>,
}

impl Voices {
    pub(super) fn new(config: &MqttConfig) -> Voices {
        Voices {
            host: config.topic.clone(),
            gateways: config.gateways.clone(),
        }
    }

    /// The topics to be subscribed to; of gateways the log alone tells of links.
    pub(super) fn topics(&self) -> Vec<String> {
        let gateways = self.gateways.iter().map(|name| subscriptions(name).0);
        let (log, json) = subscriptions(&self.host);
        [log, json].into_iter().chain(gateways).collect()
    }

    /// Who speaks on this topic; `None`: nobody that was asked.
    pub(super) fn of(&self, topic: &str) -> Option<Voice> {
        let topic = Topic::parse(topic)?;
        let gateway = self.gateways.iter().any(|name| name == topic.name);
        match (topic.name == self.host, gateway, topic.stream) {
            (true, _, Stream::Log) => Some(Voice::HostLog),
            (true, _, Stream::Json) => Some(Voice::HostJson),
            (false, true, Stream::Log) => Some(Voice::GatewayLog(topic.linked_mode())),
            (false, true, Stream::Json) | (false, false, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use model::repeater::Mode;

    use super::*;

    fn voices() -> Voices {
        Voices::new(&MqttConfig {
            topic: "ysf-gateway/host".to_owned(),
            gateways: vec!["p25-gateway".to_owned(), "rooms".to_owned()],
            ..MqttConfig::default()
        })
    }

    #[test]
    fn voice_is_known_by_the_configured_names() {
        let voices = voices();
        assert_eq!(voices.of("ysf-gateway/host/json"), Some(Voice::HostJson));
        assert_eq!(voices.of("p25-gateway/log"), Some(Voice::GatewayLog(Some(Mode::P25))));
        assert_eq!(voices.of("rooms/log"), Some(Voice::GatewayLog(None)));
        for other in [
            "mmdvm/json",
            "p25-gateway/json",
            "ysf-gateway/host/display-out",
            "nxdn-gateway/log",
        ] {
            assert_eq!(voices.of(other), None, "{other}");
        }
    }

    #[test]
    fn topics_are_those_that_tell_something() {
        let topics = [
            "ysf-gateway/host/log",
            "ysf-gateway/host/json",
            "p25-gateway/log",
            "rooms/log",
        ];
        assert_eq!(voices().topics(), topics);
    }
}
