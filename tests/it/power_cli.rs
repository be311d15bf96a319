//! `stationd power`: devices asked from the command line, and protocols found out, over pseudo-terminals.

use std::fs;
use std::process::{Output, Stdio};
use std::thread;

use serde_json::Value;
use sim::power::{DeviceKind, Faults};

use crate::harness::{Stage, Station, stationd};
use crate::plug::{Plug, configure};
use crate::power::wait_for_state;

/// A device behind a link in a directory of its own.
struct Bench {
    stage: Stage,
    plug: Plug,
}

impl Bench {
    fn with(kind: DeviceKind, faults: Faults) -> Bench {
        let stage = Stage::new();
        let plug = Plug::in_at(&stage.path("port"), kind, faults);
        Bench { stage, plug }
    }

    /// Runs `stationd power ACTION --port ... arguments`.
    fn power(&self, action: &str, arguments: &[&str]) -> Output {
        let mut command = stationd();
        command.args(["power", action, "--port"]).arg(self.stage.path("port"));
        command.args(arguments).stdin(Stdio::null()).output().expect("it runs")
    }

    /// What it prints; it must succeed.
    fn printed(&self, action: &str, arguments: &[&str]) -> String {
        let output = self.power(action, arguments);
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// What it complains; it must fail.
    fn refused(&self, action: &str, arguments: &[&str]) -> String {
        let output = self.power(action, arguments);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        said(&output)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[test]
fn query_prints_an_answer_in_every_form() {
    let bench = Bench::with(DeviceKind::Pi30, Faults::default());
    let query = |form: &str| bench.printed("query", &["-p", "pi30", "QPIRI", "-o", form]);
    let json: Value = serde_json::from_str(&query("json")).expect("JSON");
    assert_eq!(
        (&json["_command"], &json["battery_float_charge_voltage"]),
        (&"QPIRI".into(), &54.0.into())
    );
    let units: Value = serde_json::from_str(&query("json_units")).expect("JSON");
    assert_eq!(
        units["max_ac_charging_current"],
        serde_json::json!({ "value": 30, "unit": "A" })
    );
    assert!(
        query("simple")
            .lines()
            .any(|line| line == "output_source_priority=SBU first")
    );
    assert!(
        query("screen").contains("battery_bulk_charge_voltage   56.4 V"),
        "{}",
        query("screen")
    );
    let raw = query("raw");
    assert!(raw.starts_with("283233302e30") && raw.ends_with("0d\n"), "{raw}");
}

#[test]
fn query_asks_again_when_an_answer_is_damaged_and_never_sends_a_setting() {
    let faults = Faults {
        corrupt_percent: 30,
        ..Faults::default()
    };
    let bench = Bench::with(DeviceKind::Pi30, faults);
    let status = bench.printed("get-status", &["-p", "pi30", "-o", "json"]);
    assert_eq!(status.lines().count(), 1, "Q1 is refused by this device: {status}");
    bench.plug.knobs.set(Faults::default());
    assert_eq!(
        bench
            .printed("get-settings", &["-p", "pi30", "-o", "json"])
            .lines()
            .count(),
        2
    );
    assert!(
        bench
            .refused("query", &["-p", "pi30", "POP01"])
            .contains("power set POP 01")
    );
    assert!(bench.refused("query", &["-p", "pi30", "QNONE"]).contains("QNONE"));
    assert!(bench.refused("query", &["-p", "pi99", "QPI"]).contains("pi99"));
    assert_eq!(bench.plug.knobs.heard(b"POP"), 0);
}

#[test]
fn setting_is_changed_only_when_it_is_meant_and_sound() {
    let bench = Bench::with(DeviceKind::Pi30, Faults::default());
    let would = bench.refused("set", &["-p", "pi30", "PBFT", "55.2"]);
    assert!(
        would.contains("from 54.0 V to 55.2 V") && would.contains("--yes"),
        "{would}"
    );
    assert!(
        bench
            .refused("set", &["-p", "pi30", "PBFT", "64", "--yes"])
            .contains("48.0 to 58.4 V")
    );
    assert_eq!(bench.plug.knobs.heard(b"PBFT"), 0);
    let done = bench.printed("set", &["-p", "pi30", "PBFT", "55.2", "--yes"]);
    assert!(done.contains("done, is now 55.2 V"), "{done}");
    assert_eq!(bench.plug.knobs.heard(b"PBFT"), 1);
    assert!(
        bench
            .refused("set", &["-p", "pi30", "MUCHGC", "70", "--yes"])
            .contains("refused")
    );
}

#[test]
fn port_that_a_station_has_is_left_to_it() {
    let bench = Bench::with(DeviceKind::Pi30, Faults::default());
    configure(&bench.stage, "port", "pi30", 0.5);
    let station = Station::run(&bench.stage);
    wait_for_state(&station, "port", "online");
    let refused = bench.refused("query", &["-p", "pi30", "QPI"]);
    assert!(
        refused.contains("another program") && refused.contains("ask the station"),
        "{refused}"
    );
}

#[test]
fn protocol_of_every_simulated_device_is_found_out() {
    let silence = Faults {
        drop_percent: 100,
        ..Faults::default()
    };
    let cases = [
        (DeviceKind::Pi30, Faults::default(), ": pi30,"),
        (DeviceKind::Daly, Faults::default(), ": daly"),
        (DeviceKind::VeDirect, Faults::default(), ": ved,"),
        (DeviceKind::JkNw, Faults::default(), ": jkserial,"),
        (DeviceKind::Pi30, silence, ": no answer that is understood"),
    ];
    let search = |(kind, faults, wanted): (DeviceKind, Faults, &str)| {
        let bench = Bench::with(kind, faults);
        let found = String::from_utf8(bench.power("detect", &[]).stdout).expect("text");
        let first = found.lines().next().unwrap_or_default();
        assert!(first.contains(wanted), "{kind:?}: {found}");
    };
    // Most of the time is spent with waiting for answers that do not come.
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || search(case));
        }
    });
}

/// As its own documentation has it, with what people add.
const MPP_SOLAR: &str = "\
[SETUP]
pause = 5
mqtt_broker = localhost
mqtt_pass = hunter2

# the inverter
[Inverter]
port = /dev/hidraw0
protocol = PI30
baud = 2400
command = QPIGS#QPIRI
tag = main
outputs = screen,mqtt
mqtt_allowed_cmds = POP0[0-2],PE[a-z]{1,1},QPI.*,PF

[bank]
type = jkbms
port = /dev/ttyUSB0
porttype = jkserial
protocol = jkserial
command = getBalancerData
";

#[test]
fn configuration_of_mpp_solar_becomes_one_that_the_station_takes() {
    let stage = Stage::new();
    let [old, new] = ["mpp-solar.conf", "imported.toml"].map(|name| stage.path(name));
    fs::write(&old, MPP_SOLAR).expect("written");
    let import = || stationd().arg("import").arg(&old).output().expect("it runs");
    let text = String::from_utf8(import().stdout).expect("text");
    for wanted in [
        "[power.inverter]",
        "[power.bank]",
        "poll_s = 5.0",
        "settings = [\"QPIRI\"]",
        "# line 12: tag is not taken over",
        "setting = 'PF' }, tier = 2 },",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    assert!(!text.contains("hunter2"));
    fs::write(&new, &text).expect("written");
    let checked = stationd()
        .args(["check-config", "--config"])
        .arg(&new)
        .output()
        .expect("it runs");
    assert!(checked.status.success(), "{}\n{text}", said(&checked));

    for hostile in ["", "nonsense", "[a]", "port = 1", "[a]\nprotocol = pi30\u{0}"] {
        fs::write(&old, hostile).expect("written");
        let output = import();
        let is_clean = !said(&output).contains("panicked");
        assert!(
            is_clean && output.status.success() == hostile.starts_with("[a]"),
            "{}",
            said(&output)
        );
    }
    fs::write(&old, vec![b'#'; 300 * 1024]).expect("written");
    assert!(said(&import()).contains("no configuration is that large"));
}
