//! What a live client asks for: which sources, and from where on. Bytes of strangers in, a bounded wish or a short refusal out.

use serde::Deserialize;
use thiserror::Error;
use utoipa::ToSchema;

use crate::Seq;

/// Most patterns in one subscription.
const MAX_PATTERNS: usize = 32;

/// Longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 128;

/// Longest reason that a client is told, in characters: the parser quotes keys, and a key may be as long as a message.
const MAX_REASON_CHARS: usize = 200;

/// What a client says to a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Source patterns: `repeater.*`, `*`. A new subscription replaces the one before.
    #[schema(example = json!(["repeater.*"]))]
    pub subscribe: Vec<String>,
    /// Events behind this position come first; without it only new ones do.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    pub since: Option<Seq>,
}

/// Why a subscription is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SubscribeError {
    /// No subscription at all.
    #[error("{0}")]
    Malformed(String),
    /// It would cost too much to match.
    #[error("subscribe takes 1 to {MAX_PATTERNS} patterns of 1 to {MAX_PATTERN_BYTES} bytes")]
    OutOfBounds,
}

impl Subscribe {
    /// Reads a client's message.
    ///
    /// # Errors
    /// A [`SubscribeError`]; its text is short, however long the message was.
    pub fn parse(text: &str) -> Result<Subscribe, SubscribeError> {
        let told = |error: serde_json::Error| error.to_string().chars().take(MAX_REASON_CHARS).collect();
        serde_json::from_str::<Subscribe>(text)
            .map_err(|error| SubscribeError::Malformed(told(error)))?
            .checked()
    }

    /// Refuses what would cost too much to match.
    ///
    /// # Errors
    /// [`SubscribeError::OutOfBounds`].
    pub fn checked(self) -> Result<Subscribe, SubscribeError> {
        let count = self.subscribe.len();
        let sound = |pattern: &String| (1..=MAX_PATTERN_BYTES).contains(&pattern.len());
        if (1..=MAX_PATTERNS).contains(&count) && self.subscribe.iter().all(sound) {
            Ok(self)
        } else {
            Err(SubscribeError::OutOfBounds)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscription_with_its_position_is_read() {
        let wanted = Subscribe::parse(r#"{"subscribe":["repeater.*"],"since":42}"#).unwrap();
        assert_eq!(
            (wanted.subscribe.as_slice(), wanted.since),
            (&["repeater.*".to_owned()][..], Some(Seq(42)))
        );
    }

    #[test]
    fn subscription_to_too_much_or_nothing_is_refused() {
        let (long, many) = (vec!["x".repeat(129)], vec!["x".to_owned(); 33]);
        for patterns in [vec![], vec![String::new()], long, many] {
            let wanted = Subscribe {
                subscribe: patterns,
                since: None,
            };
            assert_eq!(wanted.checked(), Err(SubscribeError::OutOfBounds));
        }
    }

    #[test]
    fn refusal_of_a_long_message_is_short() {
        let long = format!(r#"{{"{}":1}}"#, "k".repeat(60_000));
        let refusal = Subscribe::parse(&long).unwrap_err().to_string();
        assert!(refusal.len() < 250 && refusal.starts_with("unknown field"), "{refusal}");
    }
}
