//! The members of a JSON object, each read as what it has to be.

use model::repeater::{CallSource, DestinationKind, Mode};
use serde_json::{Map, Value};

use super::json::Refusal;
use crate::grammar::{Parties, Text};

/// The DMR id that stands for everybody; the log writes it so.
const DMR_ALL: u32 = 16_777_215;

/// The members of one message. A member that is absent or null is not known; one of another kind than it has to be
/// makes the message one to set aside.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn known(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Whether a member is known.
    pub(super) fn has(self, key: &str) -> bool {
        self.known(key).is_some()
    }

    /// A text as it stands.
    pub(super) fn str(self, key: &str) -> Result<Option<&'a str>, Refusal> {
        let text = |value: &'a Value| value.as_str().ok_or(Refusal::WrongType);
        self.known(key).map(text).transpose()
    }

    /// A text without padding; `None` where nothing is in it.
    pub(super) fn text(self, key: &str) -> Result<Option<Text<'a>>, Refusal> {
        Ok(self.str(key)?.and_then(|text| Text::field(text.as_bytes())))
    }

    /// A name. The host cuts D-Star and System Fusion names at the first blank; so do we, for hosts that do not.
    pub(super) fn name(self, key: &str) -> Result<Option<Text<'a>>, Refusal> {
        Ok(self.str(key)?.and_then(|text| first_word(text.as_bytes())))
    }

    /// A number.
    pub(super) fn number(self, key: &str) -> Result<Option<f64>, Refusal> {
        let number = |value: &Value| value.as_f64().ok_or(Refusal::WrongType);
        self.known(key).map(number).transpose()
    }

    /// A whole number from zero on.
    pub(super) fn whole(self, key: &str) -> Result<Option<u32>, Refusal> {
        let whole = |value: &Value| {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            number.ok_or(Refusal::WrongType)
        };
        self.known(key).map(whole).transpose()
    }

    /// The members of a member.
    pub(super) fn object(self, key: &str) -> Result<Option<Fields<'a>>, Refusal> {
        let object = |value: &'a Value| value.as_object().map(Fields).ok_or(Refusal::WrongType);
        self.known(key).map(object).transpose()
    }

    /// DMR: the time slot.
    pub(super) fn slot(self) -> Result<Option<u8>, Refusal> {
        match self.whole("slot")? {
            None => Ok(None),
            Some(1) => Ok(Some(1)),
            Some(2) => Ok(Some(2)),
            Some(_) => Err(Refusal::WrongType),
        }
    }

    /// Radio or network.
    pub(super) fn source(self) -> Result<CallSource, Refusal> {
        match self.str("source")? {
            Some("rf") => Ok(CallSource::Rf),
            Some("network") => Ok(CallSource::Network),
            _ => Err(Refusal::Unknown),
        }
    }

    /// A mode by the name that it has in JSON.
    pub(super) fn mode(self) -> Result<Mode, Refusal> {
        self.str("mode")?.and_then(mode).ok_or(Refusal::Unknown)
    }

    /// Who calls whom, in modes whose stations have numbers: the call sign if the host found it, else the number.
    pub(super) fn numbered_parties(self) -> Result<Parties<'a>, Refusal> {
        let number = |key| Ok(self.whole(key)?.map(id_text));
        let to = number("destination_id")?;
        let kind = match self.str("destination_type")? {
            Some("group") => Some(DestinationKind::Group),
            Some("individual") => Some(DestinationKind::Private),
            Some(_) => return Err(Refusal::Unknown),
            None => None,
        };
        let id = number("source_id")?;
        Ok(Parties {
            from: self.name("source_info")?.or(id),
            suffix: None,
            kind: kind.filter(|_| to.is_some()),
            to,
        })
    }
}

/// What stands before the first blank.
pub(super) fn first_word(text: &[u8]) -> Option<Text<'_>> {
    let words = text.split(|&byte| matches!(byte, b' ' | 0));
    words.filter(|word| !word.is_empty()).find_map(Text::field)
}

/// The names of modes in JSON.
pub(super) fn mode(name: &str) -> Option<Mode> {
    Some(match name {
        "D-Star" => Mode::Dstar,
        "DMR" => Mode::Dmr,
        "YSF" => Mode::Ysf,
        "P25" => Mode::P25,
        "NXDN" => Mode::Nxdn,
        "POCSAG" => Mode::Pocsag,
        "FM" => Mode::Fm,
        _ => return None,
    })
}

/// A text of our own making.
pub(super) fn written(text: &str) -> Text<'static> {
    Text::new(text.as_bytes()).into_owned()
}

fn id_text(id: u32) -> Text<'static> {
    if id == DMR_ALL {
        Text::new(b"ALL")
    } else {
        written(&id.to_string())
    }
}
