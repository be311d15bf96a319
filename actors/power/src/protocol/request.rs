//! A question to a device, and the way to read its answer.

use super::{Command, CommandKind, Family, Framing, Protocol};
use crate::decode;
use crate::error::{FrameError, RequestError};
use crate::reading::Reading;
use crate::wire;

/// Longest command, in bytes; the longest of any protocol here has 60.
const MAX_CODE_LEN: usize = 128;

/// A command with its argument, as bytes for the wire.
#[derive(Clone, Debug)]
pub struct Request<'p> {
    pub(crate) protocol: &'p Protocol,
    pub(crate) command: &'p Command,
    pub(crate) code: Box<str>,
    /// What the pattern's first group holds: the argument.
    pub(crate) argument: Box<str>,
    pub(crate) bytes: Box<[u8]>,
    /// Whether the line fell silent behind the answer, so that no more frames of it can come.
    pub(crate) is_ended: bool,
}

impl Protocol {
    /// Makes the request for a command with its argument, as in `QPIGS` or `PBFT54.0`.
    ///
    /// # Errors
    /// When the protocol does not know the command, or it does not take this argument.
    pub fn request(&self, code: &str) -> Result<Request<'_>, RequestError> {
        if code.len() > MAX_CODE_LEN {
            return Err(RequestError::TooLong(code.chars().take(MAX_CODE_LEN).collect()));
        }
        let command = self.command(code).ok_or_else(|| self.refusal(code))?;
        let argument = command
            .pattern
            .as_ref()
            .and_then(|pattern| pattern.captures(code)?.get(1))
            .map_or("", |group| group.as_str());
        Ok(Request {
            protocol: self,
            command,
            code: code.into(),
            argument: argument.into(),
            bytes: wire::request(self, command, code, argument)?.into(),
            is_ended: false,
        })
    }

    fn refusal(&self, code: &str) -> RequestError {
        let pattern = self.alike(code).and_then(Command::pattern);
        match pattern {
            Some(pattern) => RequestError::Argument {
                code: code.to_owned(),
                pattern: pattern.to_owned(),
            },
            None => RequestError::UnknownCommand {
                protocol: self.name.to_string(),
                code: code.to_owned(),
            },
        }
    }
}

impl Request<'_> {
    /// The protocol.
    #[must_use]
    pub fn protocol(&self) -> &Protocol {
        self.protocol
    }

    /// The command.
    #[must_use]
    pub fn command(&self) -> &Command {
        self.command
    }

    /// The command with its argument.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The number of the unit of a parallel system that it asks for.
    #[must_use]
    pub fn unit_number(&self) -> Option<u8> {
        let of_unit = self.command.per_unit.then_some(&self.argument);
        // A number that is none of any unit is one of its own all the same.
        of_unit.map(|number| number.parse().unwrap_or(u8::MAX))
    }

    /// The same question, for an answer that the silence of its line has ended. Of an answer of several frames, a recording
    /// that lacks some is damaged; a battery that sends fewer has fewer cells, and only the line can tell.
    #[must_use]
    pub fn ended(mut self) -> Self {
        self.is_ended = true;
        self
    }

    /// What goes over the wire; empty where the device talks by itself.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the answer is only heard, never asked for.
    #[must_use]
    pub fn is_heard_only(&self) -> bool {
        self.command.kind == CommandKind::Listen
    }

    /// Whether a good answer can be no other question's: it names what was asked for. Acknowledgements name nothing.
    #[must_use]
    pub(crate) fn answer_is_named(&self) -> bool {
        let names = match self.protocol.family {
            Family::JkBle => self.command.record_type.is_some(),
            // The battery has one answer only.
            Family::JkNwTtl => true,
            Family::JkBalancer485 | Family::Dd77Serial | Family::DalyA5 | Family::VictronVedirect => true,
            Family::VoltronicQ | Family::VoltronicPi16 | Family::VoltronicCaret | Family::JkPbModbus => false,
            Family::Modbus => self.protocol.framing == Framing::Tcp,
        };
        names && !self.command.is_acknowledged()
    }

    /// Reads an answer: the frame as it came, from its first byte to its last.
    ///
    /// # Errors
    /// When the frame cannot be believed as a whole. A bad field spoils nothing but itself.
    pub fn decode<'a>(&'a self, frame: &'a [u8]) -> Result<Vec<Reading<'a>>, FrameError> {
        let mut readings = Vec::with_capacity(self.command.fields.len());
        self.decode_into(frame, &mut readings)?;
        Ok(readings)
    }

    /// Like [`Request::decode`], into a vector that is emptied first and can be used again.
    ///
    /// # Errors
    /// As [`Request::decode`]; the vector is empty then.
    pub fn decode_into<'a>(&'a self, frame: &'a [u8], readings: &mut Vec<Reading<'a>>) -> Result<(), FrameError> {
        readings.clear();
        let answer = wire::answer(self, frame)?;
        let decoded = decode::decode(self, answer, readings);
        if decoded.is_err() {
            readings.clear();
        }
        decoded
    }
}
