//! One transmission: who, how, to whom, and the words that each mode of the host has for it.
//!
//! The words are those of the 2025-06 build: the wording differs between modes, not only in the prefix.

use model::repeater::CallSource;

use super::cast::Station;
use crate::rng::Rng;

/// A mode that carries speech.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Voice {
    Dstar,
    #[default]
    Dmr,
    Ysf,
    P25,
    Nxdn,
    M17,
}

impl Voice {
    /// The name behind `Mode set to`.
    pub(crate) const fn mode_name(self) -> &'static str {
        match self {
            Voice::Dstar => "D-Star",
            Voice::Dmr => "DMR",
            Voice::Ysf => "System Fusion",
            Voice::P25 => "P25",
            Voice::Nxdn => "NXDN",
            Voice::M17 => "M17",
        }
    }

    /// Length of a frame, in milliseconds; the host prints frames times this.
    pub(crate) const fn frame_ms(self) -> u32 {
        match self {
            Voice::Dstar => 20,
            Voice::Dmr => 60,
            Voice::Ysf => 100,
            Voice::P25 => 180,
            Voice::Nxdn => 80,
            Voice::M17 => 40,
        }
    }

    /// Where people talk; the second part is the reflector or gateway that a network call came through.
    pub(crate) const fn rooms(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Voice::Dstar => &[("CQCQCQ", "REF001 C"), ("CQCQCQ", ""), ("/GB7QY B", "")],
            Voice::Dmr => &[
                ("TG 9", ""),
                ("TG 235", ""),
                ("TG 2350", ""),
                ("TG 91", ""),
                ("G4QRB", ""),
            ],
            Voice::Ysf => &[
                ("DG-ID 1", "FCS00290"),
                ("DG-ID 26", "FCS00326"),
                ("DG-ID 0", "GB-CQ-UK"),
            ],
            Voice::P25 => &[("TG 10200", ""), ("TG 10100", "")],
            Voice::Nxdn => &[("TG 65000", ""), ("TG 23500", "")],
            Voice::M17 => &[("ALL", ""), ("M17-M17 C", "")],
        }
    }
}

/// How a transmission ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The key is let go.
    #[default]
    End,
    /// The radio goes out of range.
    Lost,
    /// The network goes silent.
    Watchdog,
}

/// A transmission as it will have been.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) mode: Voice,
    pub(crate) slot: u8,
    pub(crate) source: CallSource,
    pub(crate) from: Station,
    pub(crate) room: (&'static str, &'static str),
    pub(crate) late: bool,
    pub(crate) frames: u32,
    pub(crate) ending: Ending,
}

impl Call {
    /// Length on the air, in milliseconds.
    pub(crate) const fn length_ms(&self) -> u32 {
        self.frames.saturating_mul(self.mode.frame_ms())
    }

    /// The text before the first comma, with it.
    pub(crate) fn prefix(&self) -> String {
        match self.mode {
            Voice::Dstar => "D-Star, ".to_owned(),
            Voice::Dmr => format!("DMR Slot {}, ", self.slot),
            Voice::Ysf => "YSF, ".to_owned(),
            Voice::P25 => "P25, ".to_owned(),
            Voice::Nxdn => "NXDN, ".to_owned(),
            Voice::M17 => "M17, ".to_owned(),
        }
    }

    /// The line that opens it.
    pub(crate) fn start_text(&self) -> String {
        let what = match (self.mode, self.source, self.late) {
            (Voice::M17, CallSource::Rf, true) => "RF late entry voice transmission",
            (Voice::Dstar | Voice::Dmr | Voice::Ysf | Voice::Nxdn, CallSource::Rf, true) => "RF late entry",
            (Voice::Dmr, CallSource::Network, true) => "network late entry",
            (Voice::Dstar | Voice::Ysf | Voice::Nxdn, CallSource::Rf, false) => "RF header",
            (Voice::Dmr, CallSource::Rf, false) => "RF voice header",
            (Voice::P25, CallSource::Rf, _) | (Voice::M17, CallSource::Rf, false) => "RF voice transmission",
            (Voice::Dstar, CallSource::Network, _) => "network header",
            (Voice::Dmr, CallSource::Network, false) => "network voice header",
            (Voice::Ysf, CallSource::Network, _) => "network data",
            (Voice::P25 | Voice::Nxdn, CallSource::Network, _) => "network transmission",
            (Voice::M17, CallSource::Network, _) => "network voice transmission",
        };
        format!("{}received {what} {}{}", self.prefix(), self.parties(), self.via())
    }

    /// The line that closes it.
    pub(crate) fn end_text(&self, rng: &mut Rng) -> String {
        let (prefix, tail) = (self.prefix(), self.tail(rng));
        match self.ending {
            Ending::End => format!("{prefix}{} {}{tail}", self.end_words(), self.parties()),
            Ending::Lost if self.mode == Voice::Dmr => {
                format!("{prefix}RF voice transmission lost {}{tail}", self.parties())
            }
            Ending::Lost if self.mode == Voice::Ysf => {
                format!(
                    "{prefix}transmission lost from {:10} to {:10}{tail}",
                    self.from.callsign, "ALL"
                )
            }
            Ending::Lost => format!("{prefix}transmission lost {}{tail}", self.parties()),
            Ending::Watchdog => format!("{prefix}network watchdog has expired{tail}"),
        }
    }

    const fn end_words(&self) -> &'static str {
        match (self.mode, self.source) {
            (Voice::Dmr | Voice::P25, CallSource::Rf) => "received RF end of voice transmission",
            (Voice::Dmr, CallSource::Network) => "received network end of voice transmission",
            (Voice::P25, CallSource::Network) => "network end of transmission",
            (Voice::Dstar | Voice::Ysf | Voice::Nxdn | Voice::M17, CallSource::Rf) => "received RF end of transmission",
            (Voice::Dstar | Voice::Ysf | Voice::Nxdn | Voice::M17, CallSource::Network) => {
                "received network end of transmission"
            }
        }
    }

    fn parties(&self) -> String {
        let (callsign, to) = (self.from.callsign, self.room.0);
        match self.mode {
            Voice::Dstar => format!("from {callsign:8}/{:4} to {to:8}", self.from.radio),
            Voice::Ysf => format!("from {callsign:10} to {to}"),
            Voice::Dmr | Voice::P25 | Voice::Nxdn | Voice::M17 => format!("from {callsign} to {to}"),
        }
    }

    fn via(&self) -> String {
        match (self.mode, self.source, self.room.1) {
            (_, CallSource::Rf, _) | (_, _, "") => String::new(),
            (Voice::Dstar, CallSource::Network, reflector) => format!(" via {reflector:8}"),
            (_, CallSource::Network, gateway) => format!(" at {gateway:10}"),
        }
    }

    /// Seconds, loss, error rate, signal: as far as this mode prints them.
    fn tail(&self, rng: &mut Rng) -> String {
        let seconds = f64::from(self.length_ms()) / 1000.0;
        let ber = self.ber_percent(rng);
        let loss = match self.ending {
            Ending::Watchdog => rng.between(12, 60),
            Ending::End | Ending::Lost => rng.pick(&[0, 0, 0, 0, 1, 2]),
        };
        // The host's watchdog line of D-Star has two blanks before the loss.
        let gap = if self.mode == Voice::Dstar && self.ending == Ending::Watchdog {
            "  "
        } else {
            " "
        };
        match (self.source, self.mode) {
            (CallSource::Rf, _) => {
                let (min, max, avg) = self.rssi(rng);
                format!(", {seconds:.1} seconds, BER: {ber:.1}%, RSSI: -{min}/-{max}/-{avg} dBm")
            }
            (CallSource::Network, Voice::Dstar | Voice::Dmr | Voice::Ysf) => {
                format!(", {seconds:.1} seconds,{gap}{loss}% packet loss, BER: {ber:.1}%")
            }
            (CallSource::Network, Voice::P25) => format!(", {seconds:.1} seconds,{gap}{loss}% packet loss"),
            (CallSource::Network, Voice::Nxdn | Voice::M17) => format!(", {seconds:.1} seconds"),
        }
    }

    /// The weaker the signal, the more bits go wrong; a lost call was bad before it was gone.
    fn ber_percent(&self, rng: &mut Rng) -> f64 {
        let per_mille = match self.source {
            CallSource::Network => rng.between(0, 4),
            CallSource::Rf => rng.between(0, 6) + self.from.path_dbm.saturating_sub(80) * rng.between(4, 12) / 10,
        };
        let lost = if self.ending == Ending::Lost { 35 } else { 0 };
        f64::from(per_mille + lost) / 10.0
    }

    /// Weakest, strongest, mean, in dBm below zero.
    fn rssi(&self, rng: &mut Rng) -> (u32, u32, u32) {
        let fade = if self.ending == Ending::Lost {
            rng.between(8, 16)
        } else {
            rng.between(1, 5)
        };
        let mean = self.from.path_dbm + rng.between(0, 3);
        (mean + fade, mean - rng.between(0, 3), mean)
    }
}
