//! mpp-solar.conf and jkbms.conf: a section a device, and `[SETUP]` for all.

use std::fmt::Write as _;
use std::sync::Arc;

use power::{CommandKind, DeviceConfig, Library, PowerConfig, Protocol};

use super::allowed::{self, Allowed};
use super::ini::{Entry, Section};

/// The section that is no device.
const SETUP: &str = "SETUP";
/// The pause after a round, in seconds, where the file says none.
const PAUSE_S: f64 = 60.0;
/// Longest name of a device here.
const MAX_NAME: usize = 32;
/// Words that stand for several commands.
const SPECIAL: [&str; 4] = ["get_status", "get_settings", "list_commands", "get_device_id"];

/// What became of a file.
#[derive(Debug, Default)]
pub(super) struct Imported {
    /// A configuration of stationd.
    pub(super) text: String,
    /// How many devices it has.
    pub(super) devices: usize,
}

/// What is known of all devices.
struct Setup<'a> {
    pause_s: f64,
    broker: &'a str,
    broker_port: &'a str,
}

/// One device on its way.
#[derive(Default)]
struct Device {
    name: String,
    config: DeviceConfig,
    allowed: Allowed,
    /// What is not taken over: line, and why.
    lost: Vec<(usize, String)>,
}

pub(super) fn import(sections: &[Section], library: &mut Library) -> Imported {
    let setup_section = sections.iter().find(|section| section.name == SETUP);
    let said = |key: &str| setup_section.and_then(|section| section.get(key));
    let setup = Setup {
        pause_s: said("pause").and_then(|pause| pause.parse().ok()).unwrap_or(PAUSE_S),
        broker: said("mqtt_broker").unwrap_or("localhost"),
        broker_port: said("mqtt_port").unwrap_or("1883"),
    };
    let mut devices: Vec<Device> = Vec::new();
    for section in sections.iter().filter(|section| section.name != SETUP) {
        let device = device(section, &setup, &devices, library);
        devices.push(device);
    }
    let mut text =
        "# From mpp-solar. What could not be taken over stands here with the line that it is from.\n".to_owned();
    for entry in setup_section.iter().flat_map(|section| &section.entries) {
        let reason = lost_of_setup(&entry.key);
        comment(&mut text, entry.line, &entry.key, &reason);
    }
    rules(&mut text, &devices);
    for device in &devices {
        write_device(&mut text, device);
    }
    Imported {
        devices: devices.len(),
        text,
    }
}

fn lost_of_setup(key: &str) -> Option<&'static str> {
    match key {
        "pause" | "mqtt_broker" | "mqtt_port" => None,
        "mqtt_user" | "mqtt_pass" => Some("is not taken over: secrets stay where they are"),
        "log_file" => Some("is not taken over: see [log], and `journalctl -u stationd`"),
        _ => Some("is not known"),
    }
}

fn comment(text: &mut String, line: usize, key: &str, reason: &Option<&str>) {
    if let Some(reason) = reason {
        note(text, line, &format!("{key} {reason}"));
    }
}

/// A comment is one line, whatever somebody wrote.
fn note(text: &mut String, line: usize, what: &str) {
    let what: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Writing to a String cannot fail.
    let _written = writeln!(text, "# line {line}: {what}").is_ok();
}

/// All rules of all devices: the gate has one list.
fn rules(text: &mut String, devices: &[Device]) {
    let all: Vec<&String> = devices.iter().flat_map(|device| &device.allowed.rules).collect();
    if all.is_empty() {
        return;
    }
    text.push_str("\n[gate]\n# What mqtt_allowed_cmds let through. Tier 1 runs at once, as it did; what can hurt a battery is confirmed first.\n");
    text.push_str("rules = [\n");
    for rule in all {
        text.push_str("  ");
        text.push_str(rule);
        text.push('\n');
    }
    text.push_str("]\n");
}

fn device(section: &Section, setup: &Setup<'_>, others: &[Device], library: &mut Library) -> Device {
    let mut device = Device {
        name: name(&section.name, others),
        ..Device::default()
    };
    if device.name != section.name {
        let reason = format!(
            "[{}] is called {} here: names have a-z, 0-9, - and _",
            section.name, device.name
        );
        device.lost.push((section.line, reason));
    }
    device.config.poll_s = setup.pause_s.clamp(0.2, 3600.0);
    device.config.protocol = section.get("protocol").unwrap_or_default().to_lowercase();
    device.config.port = port(section, setup);
    let protocol = library.get(&device.config.protocol);
    match &protocol {
        Ok(protocol) => device.commands(section, protocol),
        Err(problem) => device.lost.push((section.line, problem.to_string())),
    }
    for entry in &section.entries {
        device.take(entry, protocol.as_ref().ok());
    }
    device.check(section.line);
    device
}

/// A name as we have them, and no other's.
fn name(section: &str, others: &[Device]) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let plain: String = section
        .to_lowercase()
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .take(MAX_NAME)
        .collect();
    let plain = if plain.is_empty() { "device".to_owned() } else { plain };
    let is_taken = |name: &str| others.iter().any(|other| other.name == name);
    let numbered = (2..).map(|number: u32| {
        let number = format!("-{number}");
        let kept: String = plain.chars().take(MAX_NAME.saturating_sub(number.len())).collect();
        format!("{kept}{number}")
    });
    std::iter::once(plain.clone())
        .chain(numbered)
        .find(|name| !is_taken(name))
        .unwrap_or(plain)
}

/// The port as we write it. What the old program guessed from the name is said here.
fn port(section: &Section, setup: &Setup<'_>) -> String {
    let port = section.get("port").unwrap_or("/dev/ttyUSB0");
    let kind = section.get("porttype").unwrap_or_default().to_lowercase();
    let is_mac = port.len() == 17
        && port
            .split(':')
            .filter(|pair| u8::from_str_radix(pair, 16).is_ok())
            .count()
            == 6;
    match kind.as_str() {
        "mqtt" => format!("mqtt://{}:{}/{port}", setup.broker, setup.broker_port),
        _ if is_mac => format!("ble://{port}"),
        _ if port.starts_with('/') || port.starts_with("rfc2217://") => port.to_owned(),
        _ if port.starts_with("socket://") => port.replacen("socket://", "tcp://", 1),
        _ if kind == "remotesocket" || port.contains(':') => format!("tcp://{port}"),
        _ => port.to_owned(),
    }
}

impl Device {
    /// Questions are asked by themselves; settings never.
    fn commands(&mut self, section: &Section, protocol: &Arc<Protocol>) {
        let line = section
            .entries
            .iter()
            .find(|entry| entry.key == "command")
            .map_or(section.line, |entry| entry.line);
        let list = section.get("command").unwrap_or_default();
        // Since 0.16 by #; before, by commas, which no command of these has.
        let separator = if list.contains('#') { '#' } else { ',' };
        for code in list.split(separator).map(str::trim).filter(|code| !code.is_empty()) {
            if SPECIAL.contains(&code) {
                continue;
            }
            match protocol.request(code).map(|request| request.command().kind()) {
                Ok(CommandKind::Setting) => {
                    let reason = format!("command {code} changes the device, and is not sent again and again");
                    self.lost.push((line, reason));
                }
                Ok(_) if protocol.setting_read_commands().iter().any(|known| known == code) => {
                    self.config.settings.push(code.to_owned());
                }
                Ok(_) => self.config.status.push(code.to_owned()),
                Err(error) => self.lost.push((line, format!("command: {error}"))),
            }
        }
    }

    /// What a key becomes, or why nothing.
    fn take(&mut self, entry: &Entry, protocol: Option<&Arc<Protocol>>) {
        let reason = match entry.key.as_str() {
            "protocol" | "type" | "port" | "command" | "porttype" => return,
            "baud" => match entry.value.parse() {
                Ok(baud) => {
                    self.config.baud = baud;
                    return;
                }
                Err(_) => "is no number".to_owned(),
            },
            "mqtt_allowed_cmds" => {
                let allowed = protocol.map(|protocol| allowed::rules(&self.name, protocol, &entry.value));
                self.allowed = allowed.unwrap_or_default();
                let lost = std::mem::take(&mut self.allowed.lost);
                self.lost.extend(
                    lost.into_iter()
                        .map(|reason| (entry.line, format!("mqtt_allowed_cmds: {reason}"))),
                );
                return;
            }
            "outputs" => format!("is not taken over: every reading is at /api/v1/power/{}", self.name),
            "tag" | "dev" | "filter" | "exclfilter" | "mqtt_topic" | "prom_output_dir" | "push_url" | "udpport" => {
                "is not taken over: it is of an output".to_owned()
            }
            "postgres_url" | "mongo_url" | "mongo_db" => "is not taken over: history is kept by the station".to_owned(),
            _ => "is not known".to_owned(),
        };
        self.lost.push((entry.line, format!("{} {reason}", entry.key)));
    }

    /// What the station would refuse is told now.
    fn check(&mut self, line: usize) {
        let config = PowerConfig::from_iter([(self.name.clone(), self.config.clone())]);
        let problems = power::problems(&config).into_iter();
        let told: Vec<(usize, String)> = problems
            .map(|(key, reason)| (line, format!("to be put right: {key} {reason}")))
            .collect();
        self.lost.extend(told);
    }
}

fn write_device(text: &mut String, device: &Device) {
    let Device { name, config, lost, .. } = device;
    text.push('\n');
    for (line, reason) in lost {
        note(text, *line, reason);
    }
    let quoted = |value: &str| serde_json::Value::from(value).to_string();
    let list = |codes: &[String]| codes.iter().map(|code| quoted(code)).collect::<Vec<_>>().join(", ");
    let lines = [
        format!("[power.{name}]"),
        format!("protocol = {}", quoted(&config.protocol)),
        format!("port = {}", quoted(&config.port)),
        format!("poll_s = {:?}", config.poll_s),
    ];
    let baud = (config.baud != 0).then(|| format!("baud = {}", config.baud));
    let status = (!config.status.is_empty()).then(|| format!("status = [{}]", list(&config.status)));
    let settings = (!config.settings.is_empty()).then(|| format!("settings = [{}]", list(&config.settings)));
    for line in lines.into_iter().chain(baud).chain(status).chain(settings) {
        text.push_str(&line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::ini;
    use super::*;

    fn imported(text: &str) -> String {
        import(&ini::parse(text).unwrap(), &mut Library::new()).text
    }

    #[test]
    fn device_is_taken_over_and_the_rest_is_told_with_its_line() {
        let text = imported(
            "[SETUP]\npause = 5\nmqtt_pass = hunter2\nlog_file = /var/log/x\n\n[Inverter_1]\nport = /dev/hidraw0\nprotocol = PI30\n\
             command = QPIGS#QPIRI#POP01#NONE\noutputs = screen,mqtt\nbaud = 2400\nmqtt_allowed_cmds = POP0[0-2], PBFT54.0\n",
        );
        for wanted in [
            "# line 3: mqtt_pass is not taken over",
            "# line 6: [Inverter_1] is called inverter_1 here",
            "# line 9: command POP01 changes the device",
            "# line 9: command: pi30 has no command \"NONE\"",
            "# line 10: outputs is not taken over",
            "[power.inverter_1]\nprotocol = \"pi30\"\nport = \"/dev/hidraw0\"\npoll_s = 5.0\nbaud = 2400\nstatus = [\"QPIGS\"]\nsettings = [\"QPIRI\"]\n",
            "setting = 'POP', value = '.*' }, tier = 1 },",
            r"setting = 'PBFT', value = '54\.0' }, tier = 2 },",
        ] {
            assert!(text.contains(wanted), "{wanted:?} is not in\n{text}");
        }
        assert!(!text.contains("hunter2"));
    }

    #[test]
    fn ports_are_written_as_this_station_has_them() {
        let port = |lines: &str| {
            let text = imported(&format!("[a]\nprotocol = jk02\ncommand = getCellData\n{lines}\n"));
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("port = "))
                .unwrap_or_default();
            line.to_owned()
        };
        for (lines, wanted) in [
            ("port = 3C:A5:09:0A:AA:AA", "\"ble://3C:A5:09:0A:AA:AA\""),
            (
                "port = 10.0.0.5:4000\nporttype = remotesocket",
                "\"tcp://10.0.0.5:4000\"",
            ),
            ("port = socket://nas:4000", "\"tcp://nas:4000\""),
            ("port = shed\nporttype = mqtt", "\"mqtt://localhost:1883/shed\""),
            ("baud = 9600", "\"/dev/ttyUSB0\""),
        ] {
            assert_eq!(port(lines), wanted, "{lines}");
        }
    }

    #[test]
    fn two_sections_of_like_names_stay_two_devices() {
        let section = "port = /dev/ttyUSB0\nprotocol = pi30\ncommand = QPIGS\n";
        let text = imported(&format!("[Süd 1]\n{section}[s\"d\\1]\n{section}[]\n{section}"));
        for wanted in ["[power.s-d-1]", "[power.s-d-1-2]", "[power.device]"] {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
    }
}
