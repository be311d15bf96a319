//! What a change of the configuration comes to: pure. Which keys are in force at once, which wait for the next start of the
//! service, which children take their section by a restart.

use serde::Serialize;

use crate::config::{Config, KeyChange, changes};

/// Most changes that are told one by one.
const TOLD: usize = 100;

/// The difference between the configuration in force and another one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// What is different, secrets hidden; the first hundred.
    pub(crate) changes: Vec<KeyChange>,
    /// Changes beyond these.
    pub(crate) more: usize,
    /// Keys that are in force at once.
    pub(crate) applied: Vec<String>,
    /// Keys that need a restart of the service.
    pub(crate) after_restart: Vec<String>,
    /// Children that are restarted.
    pub(crate) restarts: Vec<String>,
}

impl Difference {
    /// From the one in force to what a file wants, of which `possible` is what can be without a new process.
    pub(crate) fn new(now: &Config, possible: &Config, wanted: &Config) -> Difference {
        let keys = |changes: Vec<KeyChange>| changes.into_iter().map(|change| change.key).collect::<Vec<_>>();
        let applied = changes(now, possible);
        let after_restart = keys(changes(possible, wanted));
        let mut all = changes(now, wanted);
        let more = all.len().saturating_sub(TOLD);
        all.truncate(TOLD);
        Difference {
            changes: all,
            more,
            restarts: restarts(now, possible),
            applied: keys(applied),
            after_restart,
        }
    }

    /// In words, for whoever has to agree.
    pub(crate) fn words(&self) -> String {
        if self.changes.is_empty() {
            return "nothing is different".to_owned();
        }
        let change = |change: &KeyChange| {
            let later = if self.after_restart.contains(&change.key) {
                " (needs a restart of the service)"
            } else {
                ""
            };
            format!("{}: {} → {}{later}", change.key, change.old, change.new)
        };
        let mut words: Vec<String> = self.changes.iter().map(change).collect();
        if self.more > 0 {
            words.push(format!("{} more", self.more));
        }
        if !self.restarts.is_empty() {
            words.push(format!("restart {}", self.restarts.join(", ")));
        }
        words.join("; ")
    }
}

/// What can be in force in this process: its files, its socket and the shape of its tree stay as they were at the launch, and
/// so does every section that is not named here.
pub(crate) fn possible(wanted: &Config, launched: &Config) -> Config {
    let mut config = launched.clone();
    config.station.clone_from(&wanted.station);
    config.gate.clone_from(&wanted.gate);
    config.clients.clone_from(&wanted.clients);
    config.access.clone_from(&wanted.access);
    config.log.level.clone_from(&wanted.log.level);
    config.web.clone_from(&wanted.web);
    config.web.bind = launched.web.bind;
    config.web.port = launched.web.port;
    config.web.tls.clone_from(&launched.web.tls);
    config.repeater.clone_from(&wanted.repeater);
    let hosts = &launched.repeater.mqtt;
    config.repeater.mqtt.retain(|name, _| hosts.contains_key(name));
    let gateways = &launched.repeater.gateways;
    config.repeater.gateways.retain(|name, _| gateways.contains_key(name));
    config
}

/// The children that take what is different by a restart. The rest (gate, access, log level) needs none.
fn restarts(now: &Config, next: &Config) -> Vec<String> {
    let mut paths = Vec::new();
    let (old, new) = (&now.repeater, &next.repeater);
    let mut without_hosts = new.clone();
    without_hosts.mqtt.clone_from(&old.mqtt);
    // Who the station's own host is depends on which hosts there are.
    if *old != without_hosts || !old.mqtt.keys().eq(new.mqtt.keys()) {
        paths.push("repeater".to_owned());
    } else {
        let changed = new.mqtt.iter().filter(|(name, host)| old.mqtt.get(*name) != Some(host));
        paths.extend(changed.map(|(name, _)| format!("repeater/mqtt/{name}")));
    }
    if (&now.web, &now.clients, &now.station.name) != (&next.web, &next.clients, &next.station.name) {
        paths.push("web".to_owned());
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check;

    fn config(text: &str) -> Config {
        check(Some(("test.toml", text)), []).unwrap().0
    }

    fn difference(now: &str, wanted: &str) -> Difference {
        let (now, wanted) = (config(now), config(wanted));
        Difference::new(&now, &possible(&wanted, &now), &wanted)
    }

    #[test]
    fn only_children_whose_section_changed_are_restarted() {
        let two = "[repeater.mqtt.a]\n[repeater.mqtt.b]\n";
        for (now, wanted, expected) in [
            ("", "", vec![]),
            ("", "[gate]\napproval_minutes = 5\n", vec![]),
            ("", "[access]\nsession_days = 5\n[log]\nlevel = \"debug\"\n", vec![]),
            ("", "[repeater]\nrotate = false\n", vec!["repeater"]),
            ("", "[web]\nrequests_per_second = 1\n", vec!["web"]),
            ("", "[clients]\nmax_sessions = 1\n", vec!["web"]),
            (
                two,
                "[repeater.mqtt.a]\n[repeater.mqtt.b]\nport = 9\n",
                vec!["repeater/mqtt/b"],
            ),
            (two, "[repeater.mqtt.b]\n", vec!["repeater"]),
        ] {
            assert_eq!(difference(now, wanted).restarts, expected, "{wanted}");
        }
    }

    #[test]
    fn keys_of_the_process_wait_for_its_next_start() {
        let difference = difference(
            "",
            "[journal]\nkeep_days = 9\n[web]\nport = 9\n[log]\nfiles = 9\nlevel = \"warn\"\n",
        );
        assert_eq!(difference.after_restart, ["journal.keep_days", "log.files", "web.port"]);
        assert_eq!(difference.applied, ["log.level"]);
        assert_eq!(difference.restarts, [""; 0]);
    }

    #[test]
    fn new_host_waits_for_the_next_start_and_disturbs_nobody() {
        let difference = difference("", "[repeater.mqtt.new]\nport = 9\n");
        assert_eq!((difference.applied.len(), difference.restarts.len()), (0, 0));
        assert!(difference.after_restart.contains(&"repeater.mqtt.new.port".to_owned()));
    }
}
