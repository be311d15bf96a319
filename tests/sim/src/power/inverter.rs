//! What is set on the simulated inverter, and the commands that set it.

/// Letters of the flags that it has, in the order in which it tells them.
const FLAGS: &str = "abjkuvxyz";

/// The settings of one inverter with a battery of 48 V.
#[derive(Clone, Debug)]
pub(super) struct Inverter {
    frequency: &'static str,
    recharge_v: f64,
    cut_off_v: f64,
    bulk_v: f64,
    float_v: f64,
    redischarge_v: f64,
    battery_type: u8,
    grid_charge_a: u16,
    charge_a: u16,
    range: u8,
    output_priority: u8,
    charge_priority: u8,
    flags: String,
}

impl Default for Inverter {
    fn default() -> Inverter {
        Inverter {
            frequency: "50.0",
            recharge_v: 46.0,
            cut_off_v: 42.0,
            bulk_v: 56.4,
            float_v: 54.0,
            redischarge_v: 54.0,
            battery_type: 2,
            grid_charge_a: 30,
            charge_a: 60,
            range: 0,
            output_priority: 2,
            charge_priority: 2,
            flags: "akxy".to_owned(),
        }
    }
}

impl Inverter {
    /// The answer to QPIRI.
    pub(super) fn ratings(&self) -> String {
        format!(
            "(230.0 21.7 230.0 {} 21.7 5000 5000 48.0 {:04.1} {:04.1} {:04.1} {:04.1} {} {:02} {:03} {} {} {} 9 01 0 0 {:04.1} 0 1",
            self.frequency,
            self.recharge_v,
            self.cut_off_v,
            self.bulk_v,
            self.float_v,
            self.battery_type,
            self.grid_charge_a,
            self.charge_a,
            self.range,
            self.output_priority,
            self.charge_priority,
            self.redischarge_v,
        )
    }

    /// The answer to QFLAG.
    pub(super) fn flags(&self) -> String {
        let (on, off): (Vec<char>, Vec<char>) = FLAGS.chars().partition(|flag| self.flags.contains(*flag));
        format!("(E{}D{}", String::from_iter(on), String::from_iter(off))
    }

    /// Does as a command says; `None`: it is none of ours, or what it says is out of range.
    pub(super) fn set(&mut self, command: &str) -> Option<()> {
        let letters = command.chars().take_while(char::is_ascii_uppercase).count();
        let (name, value) = command.split_at_checked(letters)?;
        match name {
            "F" => {
                self.frequency = [("50", "50.0"), ("60", "60.0")]
                    .into_iter()
                    .find(|(code, _)| *code == value)?
                    .1
            }
            "PBCV" => self.recharge_v = volts(value, 44.0, 51.2)?,
            "PSDV" => self.cut_off_v = volts(value, 40.0, 48.0)?,
            "PCVV" => self.bulk_v = volts(value, 48.0, 58.4)?,
            "PBFT" => self.float_v = volts(value, 48.0, 58.4)?,
            "PBDV" => self.redischarge_v = volts(value, 48.0, 58.4).or_else(|| volts(value, 0.0, 0.0))?,
            "PBT" => self.battery_type = code(value, 2)?,
            "MUCHGC" => self.grid_charge_a = amperes(value, 60)?,
            "MCHGC" => self.charge_a = amperes(value, 80)?,
            "PGR" => self.range = code(value, 1)?,
            "POP" => self.output_priority = code(value, 2)?,
            "PCP" => self.charge_priority = code(value, 3)?,
            "PE" | "PD" => {
                let flag = value
                    .chars()
                    .next()
                    .filter(|flag| value.len() == 1 && FLAGS.contains(*flag))?;
                self.flags.retain(|known| known != flag);
                if name == "PE" {
                    self.flags.push(flag);
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// Four characters with a point, as `54.0`.
fn volts(text: &str, least: f64, most: f64) -> Option<f64> {
    let volts: f64 = text.parse().ok().filter(|_| text.len() == 4)?;
    (least..=most).contains(&volts).then_some(volts)
}

/// Three digits.
fn amperes(text: &str, most: u16) -> Option<u16> {
    let amperes = text.parse().ok().filter(|_| text.len() == 3)?;
    (2..=most).contains(&amperes).then_some(amperes)
}

/// Two digits.
fn code(text: &str, most: u8) -> Option<u8> {
    text.parse().ok().filter(|code| text.len() == 2 && *code <= most)
}
