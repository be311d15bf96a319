//! Execution tokens: the right to run one exact command, once, now.
//!
//! A token is bound to the command's number, target, verb and arguments and to an expiry, and sealed with the station's
//! secret. That it is used once is not its own doing: the transaction that marks the command executing names the token in
//! the command, and only a command that executes with this very token can be begun, once.

use std::time::Duration;

use model::{Command, CommandId, CommandState, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::seal::{Seal, Sealing};

/// How long a token is good for: what lies between its issue and its use is one commit.
pub const TOKEN_LIFE: Duration = Duration::from_secs(60);

/// What a seal of this kind is about.
const PURPOSE: &str = "stationd execution token 1";

/// The right to run one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Random: no two tokens are alike.
    pub id: String,
    /// The command.
    pub command: CommandId,
    /// Where it may be used.
    pub target: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// Over all of this and the command.
    seal: String,
}

/// Why a token gives no right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// The token, the command or its target is not the one that was sealed.
    #[error("the token was not issued for this command as it is")]
    Altered,
    /// Too late.
    #[error("the token has expired")]
    Expired,
    /// Another token was used for this command, or none, or the command is over.
    #[error("the token was used, or the command is not executing with it")]
    Used,
}

impl Token {
    /// Issues a token for a command. `id` is random.
    #[must_use]
    pub fn issue(seal: &Seal, id: String, command: &Command, now: Timestamp) -> Token {
        let mut token = Token {
            id,
            command: command.id,
            target: command.target.clone(),
            expires_at: now.plus(TOKEN_LIFE),
            seal: String::new(),
        };
        token.seal = token.sealing(seal, command).finish();
        token
    }

    /// Whether it gives the right to run this command now.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn check(&self, seal: &Seal, command: &Command, now: Timestamp) -> Result<(), TokenError> {
        let names = self.command == command.id && self.target == command.target;
        if !names || !self.sealing(seal, command).is(&self.seal) {
            return Err(TokenError::Altered);
        }
        if now > self.expires_at {
            return Err(TokenError::Expired);
        }
        let executing = command.state == CommandState::Executing && command.token.as_ref() == Some(&self.id);
        executing.then_some(()).ok_or(TokenError::Used)
    }

    fn sealing(&self, seal: &Seal, command: &Command) -> Sealing {
        seal.begin(PURPOSE)
            .text(&self.id)
            .number(self.command.0.cast_signed())
            .text(&self.target)
            .number(self.expires_at.unix_ms())
            .text(&command.verb)
            .text(&canonical(&Value::Object(command.arguments.clone())))
    }
}

/// A value in one form, whatever the order of its keys.
fn canonical(value: &Value) -> String {
    fn write(value: &Value, text: &mut String) {
        match value {
            Value::Object(object) => {
                let mut entries: Vec<(&String, &Value)> = object.iter().collect();
                entries.sort_unstable_by_key(|(name, _)| *name);
                text.push('{');
                for (name, value) in entries {
                    text.push_str(&Value::from(name.as_str()).to_string());
                    text.push(':');
                    write(value, text);
                    text.push(',');
                }
                text.push('}');
            }
            Value::Array(items) => {
                text.push('[');
                for item in items {
                    write(item, text);
                    text.push(',');
                }
                text.push(']');
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => text.push_str(&value.to_string()),
        }
    }
    let mut text = String::new();
    write(value, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use model::{Identity, Role};
    use serde_json::json;

    use super::*;
    use crate::seal::SEAL_BYTES;
    use crate::testing::command;

    fn executing() -> (Seal, Command, Token) {
        let seal = Seal::new(&[1; SEAL_BYTES]);
        let mut command = command(
            &Identity::new("ann", Role::Operator),
            json!({ "b": [1, { "y": 2, "x": 1 }], "a": "z" }),
        );
        let token = Token::issue(&seal, "0a".to_owned(), &command, command.requested_at);
        command.state = CommandState::Executing;
        command.token = Some(token.id.clone());
        (seal, command, token)
    }

    #[test]
    fn token_runs_the_command_that_it_was_issued_for() {
        let (seal, command, token) = executing();
        assert_eq!(token.check(&seal, &command, command.requested_at), Ok(()));
    }

    #[test]
    fn token_of_an_altered_command_or_target_is_refused() {
        let (seal, command, token) = executing();
        let now = command.requested_at;
        let altered: [fn(&mut Command, &mut Token); 9] = [
            |command, _| command.verb.push('x'),
            |command, _| command.target.push('x'),
            |command, _| command.arguments["a"] = json!("y"),
            |command, _| command.arguments["b"][1]["x"] = json!(2),
            |command, _| drop(command.arguments.insert("c".to_owned(), Value::Null)),
            |command, _| command.id = CommandId(command.id.0 + 1),
            |command, token| {
                command.target.push('x');
                token.target.push('x');
            },
            |command, token| {
                token.id.push('0');
                command.token = Some(token.id.clone());
            },
            |_, token| token.expires_at = token.expires_at.plus(TOKEN_LIFE),
        ];
        for (case, alter) in altered.into_iter().enumerate() {
            let (mut command, mut token) = (command.clone(), token.clone());
            alter(&mut command, &mut token);
            assert_eq!(
                token.check(&seal, &command, now),
                Err(TokenError::Altered),
                "case {case}"
            );
        }
        let stranger = Seal::new(&[2; SEAL_BYTES]);
        assert_eq!(token.check(&stranger, &command, now), Err(TokenError::Altered));
    }

    #[test]
    fn token_is_refused_once_it_expired_or_was_used() {
        let (seal, mut command, token) = executing();
        let now = command.requested_at;
        let late = now.plus(TOKEN_LIFE + Duration::from_millis(1));
        assert_eq!(token.check(&seal, &command, late), Err(TokenError::Expired));
        let second = Token::issue(&seal, "0b".to_owned(), &command, now);
        assert_eq!(second.check(&seal, &command, now), Err(TokenError::Used));
        for state in [
            CommandState::Done,
            CommandState::Failed,
            CommandState::Unknown,
            CommandState::Approved,
        ] {
            command.state = state;
            assert_eq!(token.check(&seal, &command, now), Err(TokenError::Used), "{state:?}");
        }
    }

    #[test]
    fn order_of_keys_means_nothing() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":{"c":2,"d":3}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":{"d":3,"c":2},"a":1}"#).unwrap();
        assert_eq!(canonical(&one), canonical(&other));
    }
}
