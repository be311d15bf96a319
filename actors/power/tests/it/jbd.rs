//! JBD batteries: the frames of the maker's paper, and the settings behind their check values.

use stationd_power::{FrameError, Library, Value};

use crate::frames::bytes;

#[test]
fn basic_information_of_the_papers_example_is_read() {
    let mut library = Library::new();
    let protocol = library.get("jbd").unwrap();
    let request = protocol.request("basicInfo").unwrap();
    assert_eq!(request.bytes(), bytes("dda50300fffd77"));
    let frame = bytes("dd03001b1700000002d003e8000020780000000000001048030f020b760b82fbff77");
    let readings = request.decode(&frame).unwrap();
    let value = |name: &str| {
        readings
            .iter()
            .find(|reading| reading.name == name)
            .map(|reading| &reading.value)
    };
    assert_eq!(value("battery_voltage"), Some(&Value::Number(58.88)));
    assert_eq!(value("production_date"), Some(&Value::Text("2016-03-24".into())));
    assert_eq!(value("percent_remain"), Some(&Value::Int(72)));
    assert_eq!(value("mosfets"), Some(&Value::Text("both on".into())));
    assert_eq!(value("battery_t01"), Some(&Value::Number(20.3)));
    assert_eq!(value("battery_t02"), Some(&Value::Number(21.5)));
    assert_eq!(value("battery_t03"), None);
    assert_eq!(value("short_circuit"), Some(&Value::Int(0)));
}

/// A good answer with this content.
fn answer(register: u8, data: &[u8]) -> Vec<u8> {
    let len = u8::try_from(data.len()).unwrap();
    let sum = data.iter().fold(u16::from(len), |sum, byte| sum + u16::from(*byte));
    let head = [0xDD, register, 0, len];
    [&head[..], data, &sum.wrapping_neg().to_be_bytes(), &[0x77]].concat()
}

#[test]
fn cells_and_name_are_as_many_as_the_frame_holds() {
    let mut library = Library::new();
    let protocol = library.get("jbd").unwrap();
    let cells = protocol.request("cellVoltages").unwrap();
    let frame = answer(4, &bytes("0cfd0cfe0d00"));
    let readings = cells.decode(&frame).unwrap();
    let names: Vec<&str> = readings.iter().map(|reading| &*reading.name).collect();
    assert_eq!(names, ["voltage_cell01", "voltage_cell02", "voltage_cell03"]);
    assert_eq!(readings[2].value, Value::Number(3.328));
    let name = protocol.request("deviceName").unwrap();
    let frame = answer(5, b"JBD-SP04S020-L4S-100A");
    let readings = name.decode(&frame).unwrap();
    assert_eq!(readings[0].value, Value::Text("JBD-SP04S020-L4S-100A".into()));
    assert!(
        cells.decode(&answer(5, &bytes("0cfd"))).is_err(),
        "the answer to another command"
    );
}

#[test]
fn count_of_sensors_beyond_the_frame_reads_nothing_that_is_no_sensor() {
    let mut library = Library::new();
    let protocol = library.get("jbd").unwrap();
    let request = protocol.request("basicInfo").unwrap();
    let frame = answer(3, &bytes("1700000002d003e8000020780000000000001048030f090b760b82"));
    let readings = request.decode(&frame).unwrap();
    assert_eq!(
        readings
            .iter()
            .filter(|reading| reading.name.starts_with("battery_t"))
            .count(),
        2
    );
}

#[test]
fn setting_is_written_with_its_check_value_and_done_when_the_battery_says_so() {
    let mut library = Library::new();
    let protocol = library.get("jbd").unwrap();
    let request = protocol.request("setMosfets2").unwrap();
    assert_eq!(request.bytes(), bytes("dd5ae1020002ff1b77"));
    assert!(request.decode(&bytes("dde10000000077")).is_ok());
    assert_eq!(request.decode(&bytes("dde18000ff8077")), Err(FrameError::Status(0x80)));
    assert_eq!(
        protocol.request("factoryOpen").unwrap().bytes(),
        bytes("dd5a00025678ff3077")
    );
    let current = protocol.request("setDischargeOvercurrent100").unwrap();
    assert_eq!(current.bytes()[4..6], (-10_000_i16).to_be_bytes());
    for code in [
        "setMosfets4",
        "setMosfets",
        "setCellOvervoltage9.9",
        "setDesignCapacity1000",
    ] {
        assert!(protocol.request(code).is_err(), "{code}");
    }
}
