//! Orders to a device through the handle of the station: real actors, simulated devices.

use std::path::Path;
use std::time::{Duration, Instant};

use journal::{Journal, JournalConfig};
use kernel::{Supervision, SupervisorSpec};
use model::power::PowerValue;
use sim::power::{DeviceKind, Faults, Knobs, Line, Plant};
use stationd_power::{AskError, DeviceConfig, Power, PowerConfig, children};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(15);

struct Stand {
    directory: TempDir,
    power: Power,
    _supervision: Supervision,
    devices: JoinSet<()>,
}

impl Stand {
    /// A station with one inverter that is polled every hour, and nothing plugged in.
    fn new() -> Stand {
        let directory = tempfile::tempdir().unwrap();
        let device = DeviceConfig {
            port: directory.path().join("inverter").display().to_string(),
            poll_s: 3600.0,
            settings_poll_s: 86_400.0,
            status: vec!["QPIGS".to_owned()],
            settings: vec!["QPIRI".to_owned()],
            ..DeviceConfig::default()
        };
        let config = JournalConfig {
            path: directory.path().join("journal.db"),
            ..JournalConfig::default()
        };
        let (journal, writer) = Journal::open(&config, vec![]).unwrap();
        let (group, power) = children(&PowerConfig::from_iter([("inverter".to_owned(), device)]), &journal);
        let root = SupervisorSpec::new("root")
            .child(writer)
            .children(group.map(Into::into));
        Stand {
            directory,
            power,
            _supervision: kernel::launch(root).unwrap(),
            devices: JoinSet::new(),
        }
    }

    fn link(&self) -> std::path::PathBuf {
        self.directory.path().join("inverter")
    }

    fn plug_in(&mut self, link: &Path) -> Knobs {
        let (line, knobs) = (Line::plug_in(link).unwrap(), Knobs::default());
        let shared = knobs.clone();
        self.devices.spawn(async move {
            line.serve(DeviceKind::Pi30, Plant::new(12.0, 0.5), shared, 7)
                .await
                .unwrap();
        });
        knobs
    }

    /// The same once everything polled was asked.
    async fn plugged_in(&mut self) -> Knobs {
        let knobs = self.plug_in(&self.link());
        wait_for(|| knobs.heard(b"QPIRI") >= 1).await;
        knobs
    }
}

async fn wait_for(mut what: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !what() {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn question_is_answered_between_two_polls_with_names_and_values() {
    let mut stand = Stand::new();
    let knobs = stand.plugged_in().await;
    let said = stand.power.ask("inverter", "QPIRI").await.unwrap();
    let (name, measured) = said.iter().find(|(name, _)| name == "ac_output_voltage").unwrap();
    assert_eq!(
        (name.as_str(), &measured.value),
        ("ac_output_voltage", &Some(PowerValue::Number(230.0)))
    );
    assert_eq!(knobs.heard(b"QPIRI"), 2);
}

#[tokio::test]
async fn order_to_a_device_that_is_away_or_to_none_is_not_sent() {
    let stand = Stand::new();
    assert!(matches!(stand.power.ask("nobody", "QPI").await, Err(AskError::Away(_))));
    assert!(matches!(
        stand.power.ask("inverter", "QPI").await,
        Err(AskError::Away(_))
    ));
    let (config, protocol) = stand.power.device("inverter").unwrap();
    assert_eq!((config.protocol.as_str(), protocol.name()), ("pi30", "pi30"));
}

#[tokio::test]
async fn command_that_the_protocol_does_not_know_never_reaches_the_line() {
    let mut stand = Stand::new();
    let knobs = stand.plugged_in().await;
    for unknown in ["QWERTY", "PBFT540", "POP02\rPOP01"] {
        let refused = stand.power.ask("inverter", unknown).await;
        assert!(matches!(refused, Err(AskError::Unknown(_))), "{unknown}: {refused:?}");
        assert_eq!(knobs.heard(&unknown.as_bytes()[..3]), 0);
    }
}

#[tokio::test]
async fn setting_is_sent_once_even_if_nothing_answers_and_the_settings_are_read_again() {
    let mut stand = Stand::new();
    let knobs = stand.plugged_in().await;
    knobs.set(Faults {
        drop_percent: 100,
        ..Faults::default()
    });
    assert_eq!(stand.power.ask("inverter", "POP02").await, Err(AskError::Silent));
    knobs.set(Faults::default());
    wait_for(|| knobs.heard(b"QPIRI") >= 2).await;
    assert_eq!(knobs.heard(b"POP02"), 1);
}

#[tokio::test]
async fn question_is_put_three_times_before_the_device_counts_as_silent() {
    let mut stand = Stand::new();
    let knobs = stand.plugged_in().await;
    knobs.set(Faults {
        drop_percent: 100,
        ..Faults::default()
    });
    assert_eq!(stand.power.ask("inverter", "QPI").await, Err(AskError::Silent));
    assert_eq!(knobs.heard(b"QPI\xbe"), 3);
}

#[tokio::test]
async fn refresh_asks_everything_again() {
    let mut stand = Stand::new();
    let knobs = stand.plugged_in().await;
    stand.power.refresh("inverter").await.unwrap();
    wait_for(|| knobs.heard(b"QPIGS") >= 2 && knobs.heard(b"QPIRI") >= 2).await;
}
