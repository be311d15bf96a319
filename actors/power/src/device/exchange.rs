//! One question and its answer over an open port.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::error::FrameError;
use crate::port::{Turn, Wire};
use crate::protocol::{CommandKind, Request};
use crate::reading::{Gap, Reading, Value};
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

/// Asks and waits for the answer; of a device that talks by itself, the next thing that it says.
///
/// Where an answer does not name its question, one that comes late could be taken for that of the next. So what is owed is
/// heard first: a question is put once more for each, and only the last answer counts. What changes the device goes out
/// once, after nothing can come any more.
pub(super) async fn exchange(turn: &mut Turn<'_>, request: &Request<'_>) -> Result<Vec<Taken>, Failure> {
    turn.open().await.map_err(Failure::Away)?;
    let owed = if request.answer_is_named() {
        0
    } else {
        turn.owed(request.bytes())
    };
    let asked = if owed > 0 && request.command().kind() == CommandKind::Setting {
        settle(turn).await.map_err(Failure::Lost)?;
        ask(turn, request).await
    } else {
        ask_after(turn, request, owed).await
    };
    if matches!(asked, Err(Failure::Lost(_))) {
        turn.close();
    }
    asked
}

async fn ask_after(wire: &mut Wire, request: &Request<'_>, owed: usize) -> Result<Vec<Taken>, Failure> {
    for _ in 0..owed {
        match ask(wire, request).await {
            Ok(_) | Err(Failure::Refused(_) | Failure::Damaged(_)) => {}
            Err(failure @ (Failure::Away(_) | Failure::Lost(_) | Failure::Silent)) => return Err(failure),
        }
    }
    let asked = ask(wire, request).await;
    if owed > 0 && asked.is_ok() {
        // As many answers as were late are still to come. If none is, none was late: they were lost.
        let (limit, quiet) = (request.deadline(wire.baud), quiet(wire.baud));
        for _ in 0..owed {
            let rest = Hearing { wire, request }.hear(Instant::now() + limit, quiet).await;
            if let Err(Failure::Silent | Failure::Lost(_)) = rest {
                break;
            }
        }
        wire.owe_nothing();
    }
    asked
}

async fn settle(wire: &mut Wire) -> io::Result<()> {
    if let Some(settled) = wire.settled() {
        sleep_until(settled.into()).await;
        wire.owe_nothing();
    }
    Ok(())
}

async fn ask(wire: &mut Wire, request: &Request<'_>) -> Result<Vec<Taken>, Failure> {
    let baud = wire.baud;
    let limit = if request.is_heard_only() {
        LISTEN_LIMIT
    } else {
        wire.bytes.clear();
        let port = wire.port().map_err(Failure::Lost)?;
        port.discard(&mut [0; CHUNK]).await.map_err(Failure::Lost)?;
        // Owed from the first byte on: whoever asks here may be cut off at any moment.
        wire.asking(request.bytes());
        let port = wire.port().map_err(Failure::Lost)?;
        let written = port.write(request.bytes(), request.code()).await;
        written.map_err(Failure::Lost)?;
        request.deadline(baud)
    };
    let heard = Hearing { wire, request }
        .hear(Instant::now() + limit, quiet(baud))
        .await;
    match heard {
        // The rest of half an answer may still come.
        Err(Failure::Silent | Failure::Damaged(FrameError::NoEnd)) => wire.in_vain(),
        Ok(_) | Err(Failure::Refused(_) | Failure::Damaged(_)) => wire.answered(),
        Err(Failure::Away(_) | Failure::Lost(_)) => {}
    }
    heard
}

fn is_unacknowledged(reading: &Reading<'_>) -> bool {
    reading.value == Value::Missing(Gap::NoAcknowledgement)
}

/// Waits for one answer.
struct Hearing<'w, 'r> {
    wire: &'w mut Wire,
    request: &'r Request<'r>,
}

impl Hearing<'_, '_> {
    async fn hear(&mut self, deadline: Instant, quiet: Duration) -> Result<Vec<Taken>, Failure> {
        let request = self.request;
        let (mut echoed, mut late) = (false, None);
        loop {
            let growing = match request.scan(&self.wire.bytes) {
                Scan::Drop(range) => {
                    echoed |= self.wire.bytes.get(range.clone()) == Some(request.bytes());
                    self.wire.bytes.drain(range);
                    continue;
                }
                Scan::Frame(len) => match self.take(request, len) {
                    // Another question's answer, or half a block: ours may stand behind it.
                    Err(Failure::Damaged(error)) if self.passes_over(&error) => {
                        late = Some(error);
                        continue;
                    }
                    end => return end,
                },
                Scan::Growing(len) => Some(len),
                Scan::More => None,
            };
            let until = growing.map_or(deadline, |_| deadline.min(Instant::now() + quiet));
            match (self.read(until).await, growing) {
                (Ok(true), _) => {}
                (Ok(false), Some(len)) => return self.take(&request.clone().ended(), len),
                (Ok(false), None) => return Err(self.nothing(echoed, late)),
                (Err(error), _) => return Err(Failure::Lost(error)),
            }
        }
    }

    /// `false`: time is up.
    async fn read(&mut self, until: Instant) -> io::Result<bool> {
        let mut chunk = [0; CHUNK];
        match timeout_at(until, self.wire.port()?.read(&mut chunk)).await {
            Ok(read) => {
                self.wire.bytes.extend(chunk.iter().take(read?));
                Ok(true)
            }
            Err(_elapsed) => Ok(false),
        }
    }

    /// Reads the frame at the beginning of what came.
    fn take(&mut self, request: &Request<'_>, len: usize) -> Result<Vec<Taken>, Failure> {
        let frame: Vec<u8> = self.wire.bytes.drain(..len.min(self.wire.bytes.len())).collect();
        let decoded = match request.decode(&frame) {
            // Not the acknowledgement: a battery tells how it is by itself, also between a setting and its answer.
            Ok(readings) if readings.iter().any(is_unacknowledged) => Err(FrameError::Unfitting),
            decoded => decoded.map(|readings| take(request, &readings)),
        };
        self.wire.frame = frame;
        let taken = match decoded {
            Ok(taken) => taken,
            Err(error @ (FrameError::Nak | FrameError::EchoOnly | FrameError::Status(_))) => {
                return Err(Failure::Refused(error));
            }
            Err(error) => return Err(Failure::Damaged(error)),
        };
        self.wire.in_step = true;
        Ok(taken)
    }

    fn passes_over(&mut self, error: &FrameError) -> bool {
        let is_late = matches!(error, FrameError::Opcode { .. })
            || matches!(error, FrameError::Unfitting) && self.request.command().is_acknowledged();
        let is_first = self.request.is_heard_only() && !std::mem::replace(&mut self.wire.in_step, true);
        is_late || is_first
    }

    fn nothing(&self, echoed: bool, late: Option<FrameError>) -> Failure {
        match late {
            Some(error) => Failure::Damaged(error),
            None if echoed && self.wire.bytes.is_empty() => Failure::Refused(FrameError::EchoOnly),
            None if self.wire.bytes.is_empty() => Failure::Silent,
            None => Failure::Damaged(FrameError::NoEnd),
        }
    }
}

#[cfg(test)]
mod tests;
