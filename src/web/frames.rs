//! The sizes of a client's WebSocket frames, read from the bytes as they pass (RFC 6455, section 5.2).
//!
//! The protocol layer collects a frame to its end before it looks at its length: a client that announces a terabyte and goes
//! on sending would be believed. [`bounded`] ends such a stream at the announcement. Pure but for the stream around it.

use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::stream::{Stream, StreamExt};

/// The bit of the second byte that says that a key of four bytes follows the length.
const MASKED: u8 = 0x80;

/// The bytes of that key.
const KEY_BYTES: usize = 4;

/// The chunks of `payload`, up to the first frame of more than `max` bytes; an error in its place.
pub(super) fn bounded(
    payload: impl Stream<Item = Result<Bytes, PayloadError>>,
    max: usize,
) -> impl Stream<Item = Result<Bytes, PayloadError>> {
    let mut gauge = Gauge::default();
    payload.map(move |chunk| {
        let chunk = chunk?;
        if gauge.pass(&chunk).is_none_or(|largest| largest > max) {
            return Err(PayloadError::Overflow);
        }
        Ok(chunk)
    })
}

/// Where in a frame the bytes stand.
#[derive(Default)]
struct Gauge {
    /// What has come of the frame's head: 14 bytes at most.
    head: Vec<u8>,
    /// Bytes that are still to come of its payload.
    left: usize,
}

impl Gauge {
    /// Passes over the bytes that came; answers the largest frame that begins in them, `None` for one beyond all measure.
    fn pass(&mut self, mut bytes: &[u8]) -> Option<usize> {
        let mut largest = 0;
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = bytes.get(passed..)?;
                continue;
            }
            let (first, rest) = bytes.split_first()?;
            self.head.push(*first);
            bytes = rest;
            if let Some(length) = announced(&self.head) {
                self.left = usize::try_from(length).ok()?;
                largest = largest.max(self.left);
                self.head.clear();
            }
        }
        Some(largest)
    }
}

/// The length that a head announces; `None` while the head is not whole.
fn announced(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let (extended, length) = match second & !MASKED {
        126 => {
            let length = head.get(2..4)?.try_into().ok()?;
            (2, u64::from(u16::from_be_bytes(length)))
        }
        127 => (8, u64::from_be_bytes(head.get(2..10)?.try_into().ok()?)),
        short => (0, u64::from(short)),
    };
    let key = if second & MASKED == 0 { 0 } else { KEY_BYTES };
    (head.len() == 2 + extended + key).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u64, mask: u8) -> Vec<u8> {
        let mut frame = vec![0x81];
        match length {
            0..126 => frame.push(mask | u8::try_from(length).unwrap()),
            126..65_536 => {
                frame.push(mask | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend(vec![0xAA; if mask == 0 { 0 } else { KEY_BYTES }]);
        frame
    }

    #[test]
    fn gauge_tells_the_largest_frame_however_the_bytes_are_cut() {
        let lengths = [0_u64, 5, 125, 126, 300, 65_535, 65_536, 70_000, 3];
        let mut bytes = Vec::new();
        for (length, mask) in lengths.into_iter().zip([MASKED, 0, MASKED].into_iter().cycle()) {
            bytes.extend(frame(length, mask));
            bytes.extend(vec![0xFF; usize::try_from(length).unwrap()]);
        }
        for size in [1, 2, 3, 7, 1000, bytes.len()] {
            let mut gauge = Gauge::default();
            let told: Option<Vec<usize>> = bytes.chunks(size).map(|chunk| gauge.pass(chunk)).collect();
            assert_eq!(told.unwrap().into_iter().max(), Some(70_000), "{size}");
            assert!(gauge.left == 0 && gauge.head.is_empty(), "{size}");
        }
    }

    #[test]
    fn gauge_tells_a_frame_when_it_is_announced() {
        for length in [1 << 40, u64::MAX] {
            let told = Gauge::default().pass(&frame(length, MASKED));
            assert!(told.is_none_or(|largest| largest > 1 << 30), "{length}");
        }
    }
}
