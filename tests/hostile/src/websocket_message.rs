//! What a client says to a WebSocket.

use model::{Source, Subscribe};

/// Longest refusal, in bytes: whoever sends rubbish gets less back than they sent.
const MAX_REFUSAL_BYTES: usize = 1024;

/// Reads the bytes as a message: what is accepted is bounded and can be matched, what is refused is refused briefly.
///
/// # Panics
/// When not.
pub fn websocket_message(message: &[u8]) {
    // The frames of the protocol are text; the server closes at anything else.
    let Ok(text) = str::from_utf8(message) else { return };
    match Subscribe::parse(text) {
        Ok(wanted) => {
            assert!(
                (1..=32).contains(&wanted.subscribe.len()),
                "{} patterns",
                wanted.subscribe.len()
            );
            for pattern in &wanted.subscribe {
                assert!(
                    (1..=128).contains(&pattern.len()),
                    "a pattern of {} bytes",
                    pattern.len()
                );
                let own = Source::new(pattern).matches(pattern);
                assert!(own || pattern.ends_with(".*"), "{pattern:?} does not name itself");
            }
        }
        Err(refusal) => {
            let told = refusal.to_string();
            assert!(
                (1..MAX_REFUSAL_BYTES).contains(&told.len()),
                "a refusal of {} bytes",
                told.len()
            );
        }
    }
}
