//! One question and its answer over an open port.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::error::FrameError;
use crate::port::Port;
use crate::protocol::Request;
use crate::watch::{Taken, take};
use crate::wire::{Scan, quiet};

/// Bytes read at once.
const CHUNK: usize = 512;
/// How long a device that talks by itself may be silent; Victron's speak once a second.
const LISTEN_LIMIT: Duration = Duration::from_secs(3);

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The port could not be opened: nothing was sent.
    #[error("{0}")]
    Away(io::Error),
    /// The port broke.
    #[error("{0}")]
    Lost(io::Error),
    /// The device said no, or does not know the question: asking again is of no use.
    #[error("{0}")]
    Refused(FrameError),
    /// Nothing came.
    #[error("no answer")]
    Silent,
    /// What came cannot be believed.
    #[error("{0}")]
    Damaged(FrameError),
}

/// What came over a line and was not read yet.
#[derive(Debug, Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
    /// Whether a whole frame was seen: before that, a device that talks by itself is met in the middle of a word.
    in_step: bool,
}

impl Line {
    /// Asks and waits for the answer; of a device that talks by itself, the next thing that it says.
    pub(super) async fn ask(
        &mut self,
        port: &mut Port,
        request: &Request<'_>,
        baud: u32,
    ) -> Result<Vec<Taken>, Failure> {
        let heard_only = request.is_heard_only();
        if !heard_only {
            self.bytes.clear();
            port.discard(&mut [0; CHUNK]).await.map_err(Failure::Lost)?;
            port.write(request.bytes()).await.map_err(Failure::Lost)?;
        }
        let limit = if heard_only {
            LISTEN_LIMIT
        } else {
            request.deadline(baud)
        };
        self.hear(port, request, Instant::now() + limit, quiet(baud)).await
    }

    async fn hear(
        &mut self,
        port: &mut Port,
        request: &Request<'_>,
        deadline: Instant,
        quiet: Duration,
    ) -> Result<Vec<Taken>, Failure> {
        let (mut echoed, mut late) = (false, None);
        loop {
            let growing = match request.scan(&self.bytes) {
                Scan::Drop(range) => {
                    echoed |= self.bytes.get(range.clone()) == Some(request.bytes());
                    self.bytes.drain(range);
                    continue;
                }
                Scan::Frame(len) => match self.take(request, len) {
                    // Another question's answer, or half a block: ours may stand behind it.
                    Err(Failure::Damaged(error)) if self.passes_over(request, &error) => {
                        late = Some(error);
                        continue;
                    }
                    end => return end,
                },
                Scan::Growing(len) => Some(len),
                Scan::More => None,
            };
            let until = growing.map_or(deadline, |_| deadline.min(Instant::now() + quiet));
            match (self.read(port, until).await, growing) {
                (Ok(true), _) => {}
                (Ok(false), Some(len)) => return self.take(request, len),
                (Ok(false), None) => return Err(self.nothing(echoed, late)),
                (Err(error), _) => return Err(Failure::Lost(error)),
            }
        }
    }

    /// `false`: time is up.
    async fn read(&mut self, port: &mut Port, until: Instant) -> io::Result<bool> {
        let mut chunk = [0; CHUNK];
        match timeout_at(until, port.read(&mut chunk)).await {
            Ok(read) => {
                self.bytes.extend(chunk.iter().take(read?));
                Ok(true)
            }
            Err(_elapsed) => Ok(false),
        }
    }

    /// Reads the frame at the beginning of what came.
    fn take(&mut self, request: &Request<'_>, len: usize) -> Result<Vec<Taken>, Failure> {
        let frame: Vec<u8> = self.bytes.drain(..len.min(self.bytes.len())).collect();
        let taken = match request.decode(&frame) {
            Ok(readings) => take(request, &readings),
            Err(error @ (FrameError::Nak | FrameError::EchoOnly | FrameError::Status(_))) => {
                return Err(Failure::Refused(error));
            }
            Err(error) => return Err(Failure::Damaged(error)),
        };
        self.in_step = true;
        Ok(taken)
    }

    fn passes_over(&mut self, request: &Request<'_>, error: &FrameError) -> bool {
        let is_late = matches!(error, FrameError::Opcode { .. });
        let is_first = request.is_heard_only() && !std::mem::replace(&mut self.in_step, true);
        is_late || is_first
    }

    fn nothing(&self, echoed: bool, late: Option<FrameError>) -> Failure {
        match late {
            Some(error) => Failure::Damaged(error),
            None if echoed && self.bytes.is_empty() => Failure::Refused(FrameError::EchoOnly),
            None if self.bytes.is_empty() => Failure::Silent,
            None => Failure::Damaged(FrameError::NoEnd),
        }
    }
}
