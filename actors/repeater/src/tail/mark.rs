//! What stands right before a place, in short: whoever comes back to the place knows whether it is still the same file.
//!
//! A file that was emptied in place and has grown beyond the place since has the same number, the same name and no
//! smaller length; so has another file that got the number of a deleted one. What stands before the place differs.

use serde::{Deserialize, Serialize};

/// How many bytes are looked at, at most: the times in two or three lines.
const MOST_BYTES: usize = 256;
/// FNV-1a, 64 bits. A checkpoint outlives releases, and the standard library's hashes may change with them.
const FNV_BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

/// A fingerprint of the bytes before a place. The default one is of no bytes and fits everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    bytes: usize,
    sum: u64,
}

impl Mark {
    /// The mark of a place that has `text` before it.
    #[must_use]
    pub fn behind(text: &[u8]) -> Mark {
        let seen = text.len().saturating_sub(MOST_BYTES);
        let seen = text.get(seen..).unwrap_or_default();
        Mark {
            bytes: seen.len(),
            sum: fnv(seen),
        }
    }

    /// How many bytes before the place have to be read to compare them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.min(MOST_BYTES)
    }

    /// Whether there is nothing to compare.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `before`, [`Mark::len`] bytes, are what was there.
    #[must_use]
    pub fn fits(&self, before: &[u8]) -> bool {
        self.is_empty() || *self == Mark::behind(before)
    }
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(FNV_BASIS, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_is_the_published_one() {
        // From the authors' test vectors: a checkpoint of another release must fit.
        assert_eq!(fnv(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv(b"foobar"), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn mark_fits_what_was_there_and_nothing_else() {
        let text = vec![b'x'; 1000];
        let mark = Mark::behind(&text);
        assert_eq!(mark.len(), MOST_BYTES);
        assert!(mark.fits(&text[..MOST_BYTES]));
        assert!(!mark.fits(&text[..MOST_BYTES - 1]));
        assert!(!Mark::behind(b"ab\n").fits(b"cd\n"));
        assert!(Mark::default().fits(b""));
    }
}
