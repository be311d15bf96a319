//! The station's seal: HMAC-SHA256 under keys that follow from its secret.
//!
//! Each field is preceded by its length, so that no two lists of fields come to the same bytes; each purpose has a key
//! of its own, so that a seal of one kind is never one of another.

use std::fmt::{self, Write as _};

use ring::hmac::{self, HMAC_SHA256, Key};

/// Length of a secret and of a seal, in bytes.
pub const SEAL_BYTES: usize = ring::digest::SHA256_OUTPUT_LEN;

/// What seals are made with. Clones are the same seal.
#[derive(Clone)]
pub struct Seal(Key);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// From the station's secret.
    #[must_use]
    pub fn new(secret: &[u8; SEAL_BYTES]) -> Seal {
        Seal(Key::new(HMAC_SHA256, secret))
    }

    /// Begins a seal of one kind.
    #[must_use]
    pub(crate) fn begin(&self, purpose: &str) -> Sealing {
        let key = hmac::sign(&self.0, purpose.as_bytes());
        Sealing {
            key: Key::new(HMAC_SHA256, key.as_ref()),
            fields: Vec::new(),
        }
    }
}

/// A seal in the making: fields in their order.
#[derive(Debug)]
pub(crate) struct Sealing {
    key: Key,
    fields: Vec<u8>,
}

impl Sealing {
    /// Adds bytes.
    pub(crate) fn bytes(mut self, field: &[u8]) -> Sealing {
        let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
        self.fields.extend_from_slice(&length.to_be_bytes());
        self.fields.extend_from_slice(field);
        self
    }

    /// Adds a text.
    pub(crate) fn text(self, field: &str) -> Sealing {
        self.bytes(field.as_bytes())
    }

    /// Adds a number.
    pub(crate) fn number(self, field: i64) -> Sealing {
        self.bytes(&field.to_be_bytes())
    }

    /// The seal, in hexadecimal digits.
    pub(crate) fn finish(&self) -> String {
        hex(hmac::sign(&self.key, &self.fields).as_ref())
    }

    /// Whether this is the seal. Takes as long for a good one as for a bad one.
    pub(crate) fn is(&self, seal: &str) -> bool {
        unhex(seal).is_some_and(|seal| hmac::verify(&self.key, &self.fields, &seal).is_ok())
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _always_ok = write!(text, "{byte:02x}").is_ok();
        text
    })
}

/// Hexadecimal digits as bytes; `None` for anything else.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? << 4) | digit(*low)?);
    if rest.is_empty() {
        pairs.iter().map(byte).collect()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seal_tells_fields_apart_by_their_ends_and_kinds_by_their_purpose() {
        let seal = Seal::new(&[7; SEAL_BYTES]);
        let of = |purpose: &str, fields: &[&str]| {
            let begun = seal.begin(purpose);
            fields.iter().fold(begun, |sealing, field| sealing.text(field)).finish()
        };
        let first = of("a", &["bc", "d"]);
        for other in [of("a", &["b", "cd"]), of("a", &["bcd"]), of("x", &["bc", "d"])] {
            assert_ne!(first, other);
        }
        assert!(seal.begin("a").text("bc").text("d").is(&first));
        for broken in [
            "",
            "zz",
            &format!("0{first}"),
            &format!("{first}00"),
            &"00".repeat(SEAL_BYTES),
        ] {
            assert!(!seal.begin("a").text("bc").text("d").is(broken), "{broken}");
        }
    }

    #[test]
    fn digits_survive_bytes_and_back_and_other_text_is_refused() {
        assert_eq!(unhex(&hex(&[0, 15, 255])), Some(vec![0, 15, 255]));
        for text in ["0", "0g", "é", "+f"] {
            assert_eq!(unhex(text), None, "{text}");
        }
    }
}
