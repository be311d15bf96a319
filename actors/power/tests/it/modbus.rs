//! Modbus: the frames of the standard and of the makers' papers, by serial line and over TCP; and what is no answer.

use proptest::prelude::*;
use stationd_power::{FrameError, Library, Protocol, Request, Scan, Value};

use crate::frames::bytes;

/// A meter as a user would describe it, to have every kind of value.
const METER: &str = r#"
format = "power-protocol/1"
id = "METER"
family = "modbus"
class = "meter"
module_address_hex = "11"
default_command = "all"

[[command]]
code = "all"
label = "everything"
kind = "status"
function = 3
register = 0x006B
fields = [
  { key = "plain", type = "u16be" },
  { key = "signed", type = "i16be", unit = "A", div = 10 },
  { key = "long", type = "u32be" },
  { key = "swapped", type = "i32_swapped", unit = "W" },
  { key = "real", type = "f32be" },
  { key = "real_swapped", type = "f32_swapped" },
  { key = "name", type = "ascii", len = 4 },
  { type = "bits16", bits = ["low", "", "third"] },
  { key = "word", type = "enum16be", labels = ["none", "one"] },
]

[[command]]
code = "limit"
label = "limit"
kind = "setting"
pattern = '^limit(-?\d{1,3}(?:[.]\d)?)$'
function = 6
register = 1
write_mul = 10
fields = [{ type = "ack" }]
"#;

fn meter(framing: &str) -> std::sync::Arc<Protocol> {
    let text = METER.replace("default_command", &format!("framing = \"{framing}\"\ndefault_command"));
    let mut library = Library::new();
    library.add("meter", "meter.toml", &text).unwrap();
    library.get("meter").unwrap()
}

/// CRC-16/MODBUS, bit by bit, as the standard writes it down.
fn with_crc(mut frame: Vec<u8>) -> Vec<u8> {
    let crc = frame.iter().fold(0xFFFF_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 }
        })
    });
    frame.extend(crc.to_le_bytes());
    frame
}

fn answer() -> Vec<u8> {
    let swapped = 2.25_f32.to_be_bytes();
    let data = [
        bytes("022bff9c00010002"),
        bytes("ff38ffff"),
        3.5_f32.to_be_bytes().to_vec(),
        [&swapped[2..], &swapped[..2]].concat(),
        b"ABCD".to_vec(),
        bytes("00050001"),
    ]
    .concat();
    let len = u8::try_from(data.len()).unwrap();
    [vec![0x11, 3, len], data].concat()
}

fn values(request: &Request<'_>, frame: &[u8]) -> Vec<(String, Value<'static>)> {
    let owned = |value: &Value<'_>| match value {
        Value::Int(value) => Value::Int(*value),
        Value::Number(value) => Value::Number(*value),
        Value::Text(value) => Value::Text(value.to_string().into()),
        Value::Missing(gap) => Value::Missing(*gap),
    };
    let readings = request.decode(frame).unwrap();
    readings
        .iter()
        .map(|reading| (reading.name.to_string(), owned(&reading.value)))
        .collect()
}

#[test]
fn question_of_the_standards_example_is_made_byte_for_byte() {
    // "Modbus over serial line" 1.02: read three holding registers from 107 of unit 17.
    let text =
        METER.split("fields = [").next().unwrap().to_owned() + "fields = [{ key = \"all\", type = \"hex\", len = 6 }]";
    let mut library = Library::new();
    library.add("meter", "meter.toml", &text).unwrap();
    let protocol = library.get("meter").unwrap();
    let request = protocol.request("all").unwrap();
    assert_eq!(request.bytes(), bytes("1103006b00037687"));
    let frame = bytes("110306ae415652434049ad");
    assert_eq!(values(&request, &frame)[0].1, Value::Text("ae4156524340".into()));
}

#[test]
fn registers_of_every_kind_are_read() {
    let protocol = meter("rtu");
    let request = protocol.request("all").unwrap();
    let found = values(&request, &with_crc(answer()));
    let wanted = [
        ("plain", Value::Int(555)),
        ("signed", Value::Number(-10.0)),
        ("long", Value::Int(65_538)),
        ("swapped", Value::Int(-200)),
        ("real", Value::Number(3.5)),
        ("real_swapped", Value::Number(2.25)),
        ("name", Value::Text("ABCD".into())),
        ("low", Value::Int(1)),
        ("third", Value::Int(1)),
        ("word", Value::Text("one".into())),
    ];
    assert_eq!(found, wanted.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn answer_over_tcp_has_to_be_that_of_its_transaction() {
    let protocol = meter("tcp");
    let request = protocol.request("all").unwrap();
    assert_eq!(request.bytes(), bytes("006b000000061103006b000e"));
    let mut frame = bytes("006b0000");
    let message = answer();
    frame.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    assert_eq!(values(&request, &frame).len(), 10);
    for (at, value) in [(1, 0x6C), (3, 1), (5, 1), (6, 0x12), (7, 4), (8, 30)] {
        let mut damaged = frame.clone();
        damaged[at] = value;
        assert!(request.decode(&damaged).is_err(), "byte {at}");
    }
    let late = [bytes("0001000000031106ff"), frame.clone()].concat();
    assert_eq!(request.scan(&late), Scan::Drop(0..9));
    assert_eq!(request.scan(&frame), Scan::Frame(frame.len()));
}

#[test]
fn answer_is_found_behind_noise_that_looks_like_its_beginning() {
    let protocol = meter("rtu");
    let request = protocol.request("all").unwrap();
    let frame = with_crc(answer());
    let noisy = [bytes("0011110411031105"), frame.clone()].concat();
    let mut buffer = noisy;
    while let Scan::Drop(range) = request.scan(&buffer) {
        buffer.drain(range);
    }
    assert_eq!((request.scan(&buffer), &buffer), (Scan::Frame(frame.len()), &frame));
}

#[test]
fn refusal_is_told_with_its_code_and_never_retried_as_damage() {
    let protocol = meter("rtu");
    let request = protocol.request("all").unwrap();
    let frame = with_crc(vec![0x11, 0x83, 2]);
    assert_eq!(request.decode(&frame), Err(FrameError::Status(2)));
    assert_eq!(request.scan(&frame), Scan::Frame(5));
}

#[test]
fn setting_is_done_only_where_the_same_value_came_back() {
    let protocol = meter("rtu");
    let request = protocol.request("limit-12.5").unwrap();
    let written = with_crc(bytes("11060001ff83"));
    assert_eq!(request.bytes(), written);
    assert_eq!(
        request.scan(&written),
        Scan::Frame(written.len()),
        "the answer is the request"
    );
    assert!(request.decode(&written).is_ok());
    for other in ["11060001ff84", "11060002ff83", "11030001ff83", "12060001ff83"] {
        assert!(request.decode(&with_crc(bytes(other))).is_err(), "{other}");
    }
    assert!(protocol.request("limit1000").is_err());
}

#[test]
fn several_registers_are_written_as_the_charger_wants_it() {
    let mut library = Library::new();
    let protocol = library.get("epever").unwrap();
    let request = protocol.request("setBoostVoltage14.4").unwrap();
    assert_eq!(request.bytes(), with_crc(bytes("0110900700010205a0")));
    assert!(request.decode(&with_crc(bytes("011090070001"))).is_ok());
    assert!(request.decode(&with_crc(bytes("011090070002"))).is_err());
}

#[test]
fn charger_is_read_as_its_paper_says() {
    // "B series MODBUS specification": real-time data from 0x3100 on, the low register of a power first.
    let mut library = Library::new();
    let protocol = library.get("epever").unwrap();
    let request = protocol.request("live").unwrap();
    assert_eq!(request.bytes(), with_crc(bytes("010431000008")));
    let frame = with_crc(bytes("0104101d4c0123557c00000aaa01f4551c0000"));
    let found = values(&request, &frame);
    assert_eq!(found[0], ("pv_input_voltage".to_owned(), Value::Number(75.0)));
    assert_eq!(found[2], ("pv_input_power".to_owned(), Value::Number(218.84)));
}

#[test]
fn inverter_is_read_as_its_paper_says() {
    let mut library = Library::new();
    let protocol = library.get("smg2").unwrap();
    let request = protocol.request("live").unwrap();
    assert_eq!(request.bytes(), with_crc(bytes("010300c90022")));
    let mut data = vec![0_u8; 68];
    data[1] = 3;
    data[28..30].copy_from_slice(&528_u16.to_be_bytes());
    data[30..32].copy_from_slice(&(-125_i16).to_be_bytes());
    data[57] = 101;
    let frame = with_crc([vec![1, 3, 68], data].concat());
    let found = values(&request, &frame);
    let value = |name: &str| {
        found
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    };
    assert_eq!(value("device_mode"), Some(Value::Text("Off-grid".into())));
    assert_eq!(value("battery_voltage"), Some(Value::Number(52.8)));
    assert_eq!(value("battery_current"), Some(Value::Number(-12.5)));
    assert!(
        matches!(value("battery_capacity"), Some(Value::Missing(_))),
        "101 % is no charge"
    );
}

#[test]
fn damaged_answer_of_registers_is_refused() {
    let protocol = meter("rtu");
    let request = protocol.request("all").unwrap();
    let frame = with_crc(answer());
    for bit in 0..frame.len() * 8 {
        let mut damaged = frame.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(request.decode(&damaged).is_err(), "bit {bit}");
    }
    for len in 0..frame.len() {
        assert!(request.decode(&frame[..len]).is_err(), "{len} bytes");
        assert!(request.decode(&frame[len + 1..]).is_err(), "without {len} bytes");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_no_registers(garbage in prop::collection::vec(any::<u8>(), 0..300)) {
        for framing in ["rtu", "tcp"] {
            let protocol = meter(framing);
            prop_assert!(protocol.request("all").unwrap().decode(&garbage).is_err());
        }
    }
}
