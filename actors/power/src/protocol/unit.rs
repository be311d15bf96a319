//! One of several devices on one line: the same protocol, spoken to another address.

use std::ops::RangeInclusive;

use super::{Family, Protocol};
use crate::wire;

/// Addresses of Modbus; those above are reserved.
const MODBUS_UNITS: RangeInclusive<u8> = 1..=247;
/// Numbers that a Daly battery can be given; a host calls the n-th at its own address plus n - 1.
const DALY_UNITS: RangeInclusive<u8> = 1..=32;
/// A byte without further meaning.
const ANY_UNIT: RangeInclusive<u8> = 1..=u8::MAX;

impl Family {
    /// The addresses that its frames can carry; none where a device has a line for itself.
    #[must_use]
    pub fn units(self) -> Option<RangeInclusive<u8>> {
        match self {
            Family::JkPbModbus | Family::Modbus => Some(MODBUS_UNITS),
            Family::DalyA5 => Some(DALY_UNITS),
            Family::JkBalancer485 => Some(ANY_UNIT),
            Family::VoltronicQ
            | Family::VoltronicPi16
            | Family::VoltronicCaret
            | Family::JkBle
            | Family::JkNwTtl
            | Family::Dd77Serial
            | Family::VictronVedirect => None,
        }
    }
}

impl Protocol {
    /// The protocol as it is spoken with the device at this address. Answers of another one are passed over.
    #[must_use]
    pub(crate) fn with_unit(mut self, unit: u8) -> Protocol {
        match self.family {
            Family::DalyA5 => {
                let further = unit.saturating_sub(self.unit);
                self.module_address = self.module_address.wrapping_add(further);
            }
            // Its requests are written out in the protocol.
            Family::JkPbModbus => {
                let opcodes = self.commands.iter_mut().map(|command| &mut command.opcode);
                opcodes.for_each(|opcode| wire::readdress_modbus(opcode, unit));
            }
            Family::Modbus => self.module_address = unit,
            Family::JkBalancer485
            | Family::VoltronicQ
            | Family::VoltronicPi16
            | Family::VoltronicCaret
            | Family::JkBle
            | Family::JkNwTtl
            | Family::Dd77Serial
            | Family::VictronVedirect => {}
        }
        self.unit = unit;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FrameError;
    use crate::protocol::Library;
    use crate::wire::Scan;

    fn at(name: &str, unit: u8) -> Protocol {
        Protocol::clone(&Library::new().get(name).unwrap()).with_unit(unit)
    }

    fn daly(address: u8) -> Vec<u8> {
        let mut frame = vec![0xA5, address, 0x94, 8, 16, 1, 0, 0, 0, 0, 42, 0];
        frame.push(frame.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
        frame
    }

    #[test]
    fn daly_battery_is_called_by_its_number_and_answers_with_it() {
        let third = at("daly40", 3);
        let request = third
            .request("cellMinMaxTemp")
            .or_else(|_| third.request(third.default_command()))
            .unwrap();
        assert_eq!(request.bytes()[1], 0x42);
        let code = third
            .commands()
            .iter()
            .find(|command| *command.opcode == [0x94])
            .unwrap()
            .code();
        let request = third.request(code).unwrap();
        assert!(request.decode(&daly(3)).is_ok());
        assert!(matches!(request.decode(&daly(1)), Err(FrameError::Opcode { .. })));
        let both = [daly(1), daly(3)].concat();
        assert_eq!(request.scan(&both), Scan::Drop(0..13));
    }

    #[test]
    fn modbus_request_of_the_first_battery_is_that_of_the_protocol_file() {
        let (plain, first, second) = (Library::new().get("jkpb").unwrap(), at("jkpb", 1), at("jkpb", 2));
        for command in plain.commands() {
            let bytes = |protocol: &Protocol| protocol.request(command.code()).unwrap().bytes().to_vec();
            assert_eq!(bytes(&plain), bytes(&first));
            assert_eq!(bytes(&second)[0], 2);
            assert_ne!(bytes(&second)[9..], bytes(&first)[9..], "the check value is made anew");
        }
    }

    #[test]
    fn balancer_that_was_not_asked_is_passed_over() {
        let second = at("jk485", 2);
        let request = second.request(second.default_command()).unwrap();
        assert_eq!(request.bytes()[..3], [0x55, 0xAA, 2]);
        let len = request.command().fields().iter().map(|field| field.len).sum();
        let mut frame = vec![0; len];
        frame[..4].copy_from_slice(&[0xEB, 0x90, 1, 0xFF]);
        frame[len - 1] = frame.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
        assert!(matches!(request.decode(&frame), Err(FrameError::Opcode { .. })));
    }
}
