//! Check values, each by its field name.

use crc::{CRC_16_MODBUS, CRC_16_XMODEM, Crc};

const XMODEM: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
const MODBUS: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);

/// CRC-16/XMODEM: polynomial 0x1021, start 0, nothing reflected, no final xor.
pub(super) fn xmodem(bytes: &[u8]) -> u16 {
    XMODEM.checksum(bytes)
}

/// The CRC as Voltronic sends it, high byte first: bytes that mean something on the wire (0x28 `(`, 0x0D, 0x0A, 0x00) are
/// sent one higher.
pub(super) fn xmodem_escaped(bytes: &[u8]) -> [u8; 2] {
    xmodem(bytes).to_be_bytes().map(|byte| match byte {
        b'(' | b'\r' | b'\n' | 0 => byte.saturating_add(1),
        byte => byte,
    })
}

/// CRC-16/MODBUS: polynomial 0x8005 reflected, start 0xFFFF; sent low byte first.
pub(super) fn modbus(bytes: &[u8]) -> u16 {
    MODBUS.checksum(bytes)
}

/// Sum of all bytes, eight bits.
pub(super) fn sum8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Whether the last byte is the sum of those before it.
pub(super) fn is_summed(bytes: &[u8]) -> bool {
    bytes.split_last().is_some_and(|(sum, covered)| sum8(covered) == *sum)
}

/// Sum of all bytes, sixteen bits.
pub(super) fn sum16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(u16::from(*byte)))
}

/// Eight-bit sum in three decimal digits, as the date queries of PI16 and PI17 carry it.
pub(super) fn decimal_sum(bytes: &[u8]) -> [u8; 3] {
    let sum = sum8(bytes);
    [sum / 100, sum / 10 % 10, sum % 10].map(|digit| b'0'.saturating_add(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_are_those_of_their_catalogue() {
        assert_eq!(xmodem(b"123456789"), 0x31C3);
        assert_eq!(modbus(b"123456789"), 0x4B37);
        assert_eq!(xmodem_escaped(b"QPI"), [0xBE, 0xAC]);
        assert_eq!(decimal_sum(b"QED20250314"), *b"107");
    }

    #[test]
    fn escaped_check_value_holds_no_byte_that_frames_a_message() {
        for text in 0..=u16::MAX {
            let escaped = xmodem_escaped(&text.to_be_bytes());
            assert!(escaped.iter().all(|byte| ![b'(', b'\r', b'\n', 0].contains(byte)));
        }
    }
}
