//! The shape of a protocol's file. Unknown keys are refused; what the values mean together is checked by `compile`.

use std::collections::BTreeMap;

use model::power::DeviceClass;
use serde::Deserialize;

use super::agreement::Agreement;
use super::field::Role;
use super::setting::{Group, PartFile, Reads, Risk};
use super::{CheckForm, CommandKind, Family, Framing, Layout, RequestCrc};

/// The format that this version reads.
pub(super) const FORMAT: &str = "power-protocol/1";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProtocolFile {
    pub(super) format: String,
    pub(super) id: String,
    /// The protocol whose commands this one has, except where it says otherwise.
    pub(super) extends: Option<String>,
    pub(super) family: Option<Family>,
    pub(super) class: Option<DeviceClass>,
    pub(super) default_command: Option<String>,
    pub(super) status_commands: Option<Vec<String>>,
    /// What the station asks besides.
    pub(super) watch_commands: Option<Vec<String>>,
    pub(super) setting_read_commands: Option<Vec<String>>,
    pub(super) identify: Option<Vec<Vec<String>>>,
    pub(super) module_address_hex: Option<String>,
    pub(super) request_crc: Option<RequestCrc>,
    /// How Modbus messages are framed.
    pub(super) framing: Option<Framing>,
    /// Speed of the serial line, in baud, where it is another than the family's.
    pub(super) baud: Option<u32>,
    /// Where the device says for which voltage of the battery it is made.
    pub(super) rated_battery: Option<Reads>,
    /// Commands of the extended protocol that this one has not.
    #[serde(default)]
    pub(super) remove: Vec<String>,
    #[serde(default)]
    pub(super) command: Vec<CommandFile>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandFile {
    pub(super) code: String,
    pub(super) label: String,
    pub(super) kind: CommandKind,
    #[serde(default)]
    pub(super) layout: Layout,
    pub(super) pattern: Option<String>,
    /// Its argument is the number of a unit of a parallel system.
    #[serde(default)]
    pub(super) per_unit: bool,
    pub(super) opcode_hex: Option<String>,
    pub(super) record_type: Option<u8>,
    pub(super) request_crc: Option<bool>,
    pub(super) crc: Option<CheckForm>,
    #[serde(default)]
    pub(super) decimal_sum: bool,
    pub(super) value: Option<u16>,
    /// Into how many parts the wire divides the unit of the argument: 10 for tenths of a volt, negative if it turns the sign.
    pub(super) write_mul: Option<i32>,
    /// Modbus: 3 and 4 read, 6 and 16 write.
    pub(super) function: Option<u8>,
    /// Modbus: the first register, counted from 0.
    pub(super) register: Option<u16>,
    /// Of settings: what may go wrong, if nothing is said the worst.
    #[serde(default)]
    pub(super) risk: Risk,
    #[serde(default)]
    pub(super) group: Group,
    pub(super) argument: Option<Vec<PartFile>>,
    pub(super) reads: Option<Reads>,
    pub(super) shows: Option<String>,
    pub(super) opposite: Option<String>,
    /// Fewest fields of a good answer of characters; two thirds of those described if it is not said.
    pub(super) at_least: Option<usize>,
    /// The answer is a list: any number of fields may follow.
    #[serde(default)]
    pub(super) open: bool,
    /// Frames of a whole answer, in answers of numbered frames.
    pub(super) frames: Option<u8>,
    /// What the answer says twice.
    #[serde(default)]
    pub(super) agree: Vec<Agreement>,
    pub(super) fields: Vec<FieldFile>,
}

/// Words for codes: by position, or by the code itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Labels {
    ByIndex(Vec<String>),
    ByKey(BTreeMap<String, String>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldFile {
    #[serde(default)]
    pub(super) key: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) unit: String,
    #[serde(default)]
    pub(super) len: usize,
    #[serde(rename = "match", default)]
    pub(super) label: String,
    #[serde(default)]
    pub(super) tag: u8,
    #[serde(default)]
    pub(super) bias: i64,
    #[serde(default = "one")]
    pub(super) div: i64,
    #[serde(default = "one")]
    pub(super) mul: i64,
    pub(super) labels: Option<Labels>,
    pub(super) bits: Option<Vec<String>>,
    pub(super) emit: Option<String>,
    pub(super) flags: Option<BTreeMap<char, String>>,
    pub(super) digits: Option<Vec<FieldFile>>,
    pub(super) every: Option<usize>,
    pub(super) first: Option<usize>,
    /// The field stands there again and again: as often as this field says, or `rest` for as often as there is room.
    pub(super) repeat: Option<String>,
    pub(super) role: Option<Role>,
    /// What the value can be in its unit; beyond, it is none.
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    /// How its characters look: `#` is a digit, `*` anything, everything else itself.
    pub(super) form: Option<String>,
    #[serde(default)]
    pub(super) secret: bool,
    pub(super) device_class: Option<String>,
    pub(super) state_class: Option<String>,
    pub(super) icon: Option<String>,
    #[serde(default)]
    pub(super) skip_chars: usize,
    #[serde(default)]
    pub(super) length_prefixed_2: bool,
    pub(super) date: Option<String>,
    pub(super) request_part: Option<String>,
    pub(super) range: Option<(usize, usize)>,
    pub(super) lookup_index: Option<String>,
    /// What the looked-up field's name begins with; two digits of the number follow.
    pub(super) lookup_before: Option<String>,
}

fn one() -> i64 {
    1
}
