//! A log that is followed: the host's own, or that of a gateway.

use std::path::PathBuf;

use model::Source;
use model::repeater::Mode;

use crate::config::{GatewayConfig, RepeaterConfig};
use crate::grammar::{Level, Line, Record, Text};
use crate::recorder::REPEATER;

/// What the P25 and NXDN gateways' lines call a link, for they use the same words.
const REFLECTOR: &[u8] = b"reflector";

/// Where a log is, and what is heard of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// Where its files are.
    pub(crate) directory: PathBuf,
    /// What their names begin with.
    pub(crate) file_root: String,
    /// Whether there is a file a day.
    pub(crate) rotate: bool,
    /// Whether the first reader begins with the oldest file.
    pub(crate) history: bool,
    /// `None`: the host's own.
    gateway: Option<Gateway>,
}

/// A gateway, whose log tells of links and nothing else that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Gateway {
    name: String,
    /// What its reflector is called.
    reflector: String,
}

impl Log {
    /// The host's log.
    pub(crate) fn of_host(config: &RepeaterConfig) -> Log {
        Log {
            directory: config.log_directory.clone(),
            file_root: config.file_root.clone(),
            rotate: config.rotate,
            history: config.history,
            gateway: None,
        }
    }

    /// The log of the gateway of this name.
    pub(crate) fn of_gateway(config: &RepeaterConfig, name: &str, gateway: &GatewayConfig) -> Log {
        let file_root = RepeaterConfig::root_of(name, gateway);
        let root = file_root.to_ascii_lowercase();
        let mode = [Mode::P25, Mode::Nxdn]
            .map(Mode::as_str)
            .into_iter()
            .find(|mode| root.contains(mode));
        Log {
            directory: config.directory_of(gateway).to_owned(),
            file_root,
            rotate: gateway.rotate,
            history: config.history,
            gateway: Some(Gateway {
                name: name.to_owned(),
                reflector: mode.unwrap_or(name).to_owned(),
            }),
        }
    }

    /// The name of its reader in the journal.
    pub(crate) fn producer(&self) -> String {
        match &self.gateway {
            Some(gateway) => format!("{REPEATER}.gateway.{}", gateway.name),
            None => REPEATER.to_owned(),
        }
    }

    /// Who shows the signals of its tail (`log_tail`) and of its parser; a gateway's show theirs together.
    pub(crate) fn teller(&self, actor: &str) -> Source {
        match &self.gateway {
            Some(_) => Source::new(&self.producer()),
            None => Source::new(&format!("{REPEATER}.{actor}")),
        }
    }

    /// Whether it is the host's own, which alone tells what the repeater does.
    pub(crate) const fn is_hosts(&self) -> bool {
        self.gateway.is_none()
    }

    /// What a record of this log means here; `None`: nothing.
    pub(crate) fn heard<'a>(&self, mut record: Record<'a>) -> Option<Record<'a>> {
        let Some(gateway) = &self.gateway else {
            return record.line.matters().then_some(record);
        };
        let Line::Link(link) = &mut record.line else {
            return None;
        };
        if link.link.bytes() == REFLECTOR {
            link.link = Text::new(gateway.reflector.as_bytes()).into_owned();
        }
        // A gateway that complains again and again hides nobody's calls.
        record.level = Level::Message;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use model::repeater::{LinkState, RepeaterEvent};

    use super::*;
    use crate::grammar::Reader;
    use crate::machine::Machine;

    /// The links that these lines of a gateway tell of, and nothing else: name, state, target.
    fn links(name: &str, file_root: &str, lines: &[&str]) -> Vec<(String, LinkState, String)> {
        let config = GatewayConfig {
            file_root: file_root.to_owned(),
            ..GatewayConfig::default()
        };
        let log = Log::of_gateway(&RepeaterConfig::default(), name, &config);
        let (mut reader, mut machine, mut out) = (Reader::default(), Machine::default(), Vec::new());
        for line in lines {
            reader.read(line.as_bytes(), |record| {
                if let Some(record) = log.heard(record) {
                    machine.step(&record, &mut out);
                }
            });
        }
        let told = |event| {
            let RepeaterEvent::LinkChanged(link) = event else {
                panic!("no link: {event:?}");
            };
            (link.link, link.state, link.target.unwrap_or_default())
        };
        out.into_iter().map(|fact| told(fact.event)).collect()
    }

    fn link(name: &str, state: LinkState, target: &str) -> (String, LinkState, String) {
        (name.to_owned(), state, target.to_owned())
    }

    #[test]
    fn gateway_of_system_fusion_tells_of_its_room() {
        let told = links(
            "ysf",
            "YSFGateway",
            &[
                "M: 2026-11-21 06:00:00.000 Linked to GB CQ-UK",
                "W: 2026-11-21 06:01:00.000 Link has failed, polls lost",
                "M: 2026-11-21 06:02:00.000 Automatic (re-)connection to GB CQ-UK",
                "M: 2026-11-21 06:03:00.000 Disconnect via DTMF has been requested by G4KLX",
            ],
        );
        let expected = [
            link("ysf", LinkState::Linked, "GB CQ-UK"),
            link("ysf", LinkState::Failed, ""),
            link("ysf", LinkState::Connecting, "GB CQ-UK"),
            link("ysf", LinkState::Unlinked, ""),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn gateways_with_the_same_words_are_told_apart_by_their_files_or_their_names() {
        let lines = [
            "M: 2026-11-21 06:00:00.000 Switched to reflector 10200 due to RF activity from G4KLX",
            "M: 2026-11-21 06:01:00.000 Unlinking from reflector 10200 by G4KLX",
        ];
        for (name, file_root, called) in [
            ("a", "P25Gateway", "p25"),
            ("b", "nxdngateway", "nxdn"),
            ("rooms", "Gateway", "rooms"),
        ] {
            let expected = [
                link(called, LinkState::Linked, "10200"),
                link(called, LinkState::Unlinked, "10200"),
            ];
            assert_eq!(links(name, file_root, &lines), expected);
        }
    }

    #[test]
    fn gateway_of_dmr_tells_of_each_of_its_networks() {
        let told = links(
            "dmr",
            "DMRGateway",
            &[
                "M: 2026-11-21 06:00:00.000 BM, Logged into the master successfully",
                "M: 2026-11-21 06:00:01.000 XLX, Linking to reflector XLX950 C",
                "E: 2026-11-21 06:05:00.000 BM, Connection to the master has timed out, retrying connection",
            ],
        );
        let expected = [
            link("BM", LinkState::Linked, ""),
            link("XLX", LinkState::Connecting, "XLX950 C"),
            link("BM", LinkState::Failed, ""),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn list_of_links_of_the_gateway_of_dstar_is_understood() {
        let line = "2026-11-21 06:00:00: DExtra link - Type: Repeater Rptr: GB7QX  C Refl: XRF001 A Dir: Outgoing";
        assert_eq!(
            links("dstar", "Links", &[line]),
            [link("dstar", LinkState::Linked, "XRF001 A")]
        );
    }

    #[test]
    fn gateway_says_nothing_of_calls_however_much_it_complains() {
        let mut lines = vec![
            "M: 2026-11-21 06:00:00.000 Mode set to DMR",
            "M: 2026-11-21 06:00:00.000 DMR Slot 2, received network voice header from G4KLX to TG 9",
            "I: 2026-11-21 06:00:00.000 MMDVMHost-20210101 is starting",
            "M: 1970-01-01 00:00:00.000 Linked to nowhere",
        ];
        lines.extend(["W: 2026-11-21 06:01:00.000 Link has failed, polls lost"; 50]);
        assert_eq!(links("ysf", "YSFGateway", &lines), [link("ysf", LinkState::Failed, "")]);
    }
}
