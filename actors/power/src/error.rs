//! Why a frame is not believed and why a request cannot be made.

use thiserror::Error;

/// What is wrong with a frame as a whole. A single bad field is no error: its reading says so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The device said nothing.
    #[error("empty answer")]
    Empty,
    /// The device sent the request back and nothing else: it does not know the command.
    #[error("only the echo of the request: the device does not know the command")]
    EchoOnly,
    /// The frame does not begin as frames of this family do.
    #[error("no start marker, begins with {found:02x?}")]
    NoStart {
        /// The first bytes instead.
        found: Vec<u8>,
    },
    /// The frame does not end as frames of this family do.
    #[error("no end marker")]
    NoEnd,
    /// Too few or too many bytes.
    #[error("{found} bytes where {expected} belong")]
    Length {
        /// Bytes that belong there.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// The check value does not fit the bytes.
    #[error("checksum does not fit")]
    Checksum,
    /// The device refuses the command. Never retried blindly.
    #[error("refused by the device (NAK)")]
    Nak,
    /// The device reports a fault of its own instead of data.
    #[error("the device answers with error status 0x{0:02x}")]
    Status(u8),
    /// The answer belongs to another command.
    #[error("answer to another command: {found} instead of {expected}")]
    Opcode {
        /// What was asked for.
        expected: String,
        /// What came.
        found: String,
    },
    /// What the frame says twice, it says differently.
    #[error("the answer contradicts itself: {0}")]
    Contradiction(String),
    /// An answer of numbered frames that lacks some, or has one twice.
    #[error("frames are missing: {found} of {expected} in order")]
    Incomplete {
        /// Frames in order from the first.
        found: usize,
        /// Frames of a whole answer.
        expected: usize,
    },
    /// A good frame that says nothing of what was asked.
    #[error("the answer does not fit the command")]
    Unfitting,
}

/// Why there is no request for a command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The protocol has no such command.
    #[error("{protocol} has no command {code:?}")]
    UnknownCommand {
        /// The protocol.
        protocol: String,
        /// The command as given.
        code: String,
    },
    /// The command takes an argument, and this one does not match its pattern.
    #[error("argument of {code:?} does not match {pattern}")]
    Argument {
        /// The command as given.
        code: String,
        /// The pattern that the whole command has to match.
        pattern: String,
    },
    /// The device talks by itself; there is nothing to ask.
    #[error("{0:?} is not asked for: the device sends it by itself")]
    ListenOnly(String),
    /// The wire has no room for a command of this length.
    #[error("{0:?} is too long for the wire")]
    TooLong(String),
}
