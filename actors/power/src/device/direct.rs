//! A device that is asked by hand: at a terminal, while no station has its port. No actor, no schedule, no memory.

use tokio::time::sleep;

use super::ask::{AskError, Said};
use super::exchange::{Failure, exchange};
use super::talk::{RETRY_AFTER, TRIES};
use crate::port::{Address, Line, NoAddress, Rank};
use crate::protocol::{CommandKind, Protocol, Request};

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// What it says.
    pub said: Said,
    /// The frame as it came.
    pub frame: Vec<u8>,
}

/// A port that is ours alone until this is dropped; it is opened with the first question.
#[derive(Debug)]
pub struct Direct {
    line: Line,
}

impl Direct {
    /// For the port that people write as in the configuration.
    ///
    /// # Errors
    /// When the text names no port.
    pub fn new(port: &str, baud: u32) -> Result<Direct, String> {
        let address: Address = port.parse().map_err(|error: NoAddress| error.to_string())?;
        Ok(Direct {
            line: Line::new(address, baud),
        })
    }

    /// Asks: a question up to three times, what changes the device once.
    ///
    /// # Errors
    /// See [`AskError`].
    pub async fn ask(&self, protocol: &Protocol, code: &str) -> Result<Heard, AskError> {
        let request = protocol
            .request(code)
            .map_err(|error| AskError::Unknown(error.to_string()))?;
        let tries = if request.command().kind() == CommandKind::Setting {
            1
        } else {
            TRIES
        };
        let mut answer = self.once(&request).await;
        for attempt in 1..tries {
            if !matches!(answer, Err(Failure::Silent | Failure::Damaged(_))) {
                break;
            }
            sleep(RETRY_AFTER.saturating_mul(attempt)).await;
            answer = self.once(&request).await;
        }
        answer.map_err(AskError::from)
    }

    async fn once(&self, request: &Request<'_>) -> Result<Heard, Failure> {
        let mut turn = self.line.turn(Rank::Order).await;
        let taken = exchange(&mut turn, request).await?;
        Ok(Heard {
            said: taken.into_iter().map(|taken| (taken.name, taken.measured)).collect(),
            frame: std::mem::take(&mut turn.frame),
        })
    }

    /// Asks once and takes whatever comes: of silence nothing, of an answer that cannot be believed the frame all the same.
    ///
    /// # Errors
    /// When the port is not there, or breaks.
    pub async fn probe(&self, request: &Request<'_>) -> Result<Option<Vec<u8>>, AskError> {
        let mut turn = self.line.turn(Rank::Order).await;
        match exchange(&mut turn, request).await {
            Ok(_) | Err(Failure::Refused(_) | Failure::Damaged(_)) => {
                let frame = std::mem::take(&mut turn.frame);
                Ok((!frame.is_empty()).then_some(frame))
            }
            Err(Failure::Silent) => Ok(None),
            Err(failure @ (Failure::Away(_) | Failure::Lost(_))) => Err(failure.into()),
        }
    }
}
