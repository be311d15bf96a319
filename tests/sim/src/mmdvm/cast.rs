//! Who is on the air. Nobody: callsigns with a suffix from QAA to QZZ are not issued, because they read as Q codes.

/// An operator with a radio.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Station {
    pub(crate) callsign: &'static str,
    pub(crate) name: &'static str,
    pub(crate) town: &'static str,
    /// The four characters behind the slash in D-Star: usually the radio.
    pub(crate) radio: &'static str,
    /// How it is usually received here, in dBm below zero; nobody hears the far ones directly.
    pub(crate) path_dbm: u32,
}

const fn station(
    callsign: &'static str,
    name: &'static str,
    town: &'static str,
    radio: &'static str,
    path_dbm: u32,
) -> Station {
    Station {
        callsign,
        name,
        town,
        radio,
        path_dbm,
    }
}

/// Heard on the radio.
pub(crate) const NEAR: [Station; 6] = [
    station("M0QNA", "Nora", "Marlow Hill", "ID52", 58),
    station("G4QRB", "Ted", "Upper Wick", "5100", 71),
    station("2E0QTD", "Amir", "Long Barn", "D75 ", 84),
    station("M7QLF", "Joyce", "Canal Street", "705 ", 93),
    station("G0QVE", "Bill", "on the bus", "ID31", 104),
    station("MW0QHJ", "Carys", "Cwm Mawr", "9700", 79),
];

/// Heard through the network.
pub(crate) const FAR: [Station; 6] = [
    station("DL1QJB", "Anke", "Husum", "ID52", 0),
    station("F4QHL", "Luc", "Briancon", "ID50", 0),
    station("PA3QKM", "Wim", "Zwolle", "D74 ", 0),
    station("EA5QLT", "Inma", "Alcoy", "705 ", 0),
    station("OE1QPW", "Resi", "Wien", "9100", 0),
    station("SM5QRC", "Ulla", "Uppsala", "ID31", 0),
];

/// Ids that the repeater does not let in; it prints them as numbers.
pub(crate) const STRANGERS: [&str; 3] = ["2349917", "2629903", "9990001"];

/// The repeater itself.
pub(crate) const REPEATER: &str = "GB7QX";
