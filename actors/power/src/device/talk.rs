//! A conversation with one device over its line: what is wanted of it first, then what is due.
//!
//! Ends when the port breaks, when nothing answers any more, or when this incarnation is not wanted.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::Fenced;
use tokio::time::{sleep, sleep_until};

use super::ask::{AskError, Order, Said, Wish};
use super::exchange::{Failure, exchange};
use super::{Device, End, Polled};
use crate::port::{Rank, Turn};
use crate::protocol::{CommandKind, Request};
use crate::watch::{Happening, Schedule, Taken};

/// Questions until a silent device is given up.
pub(super) const TRIES: u32 = 3;
/// One more where something came back: the device is there, and a noisy line that spoils one answer of ten spoils three in
/// a row once in a thousand times.
pub(super) const TRIES_IF_DAMAGED: u32 = TRIES + 1;
/// Pause before the second try; each further one waits twice as long.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(100);
/// Parts of a period in which devices begin.
const PHASES: u32 = 1000;

impl Device {
    /// Does what is wanted and asks what is due, until the port breaks or has been silent for too long.
    pub(super) async fn converse(&mut self) -> End {
        if let Err(fenced) = self.happened(Happening::Opened).await {
            return fenced.into();
        }
        let line = Arc::clone(&self.line);
        let mut schedule = self.schedule();
        while let Some((index, due)) = schedule.next() {
            let turn = async {
                sleep_until(due.into()).await;
                line.turn(Rank::Poll).await
            };
            let next = tokio::select! {
                biased;
                Some(order) = self.orders.recv() => Err(order),
                turn = turn => Ok(turn),
            };
            let done = match next {
                Err(order) => self.obey(&mut schedule, order).await,
                Ok(turn) => self.poll(turn, &mut schedule, index).await,
            };
            if let Err(end) = done {
                return end;
            }
        }
        End::Lost("there is nothing to ask".to_owned())
    }

    /// Everything is due at once, and later at a moment of this device's own: many that begin together do not go on so.
    fn schedule(&self) -> Schedule {
        let (now, periods) = (Instant::now(), self.commands.iter().map(|polled| polled.every));
        let shortest = periods
            .clone()
            .filter(|period| !period.is_zero())
            .min()
            .unwrap_or_default();
        let part = u32::try_from(RandomState::new().hash_one(now) % u64::from(PHASES)).unwrap_or_default();
        let since = shortest.saturating_mul(part) / PHASES;
        Schedule::new(periods, now.checked_sub(since).unwrap_or(now))
    }

    /// Asks what is due.
    async fn poll(&mut self, turn: Turn<'_>, schedule: &mut Schedule, index: usize) -> Result<(), End> {
        let Some(polled) = self.commands.get(index).cloned() else {
            return Err(End::Lost("there is nothing to ask".to_owned()));
        };
        let protocol = Arc::clone(&self.protocol);
        let request = protocol
            .request(&polled.code)
            .map_err(|error| End::Lost(error.to_string()))?;
        let tries = if self.watch.is_away() || request.is_heard_only() {
            1
        } else {
            TRIES
        };
        let asked = self.ask(turn, Rank::Poll, &request, tries).await;
        schedule.done(index, Instant::now());
        self.note(&polled, &asked).await?;
        match asked {
            Err(Failure::Away(error) | Failure::Lost(error)) => Err(End::Lost(error.to_string())),
            Err(Failure::Refused(_)) => {
                schedule.put_off(index, Instant::now() + self.refused_again);
                Ok(())
            }
            Err(Failure::Silent | Failure::Damaged(_)) if self.watch.is_away() => Err(End::Silent),
            Err(Failure::Silent | Failure::Damaged(_)) | Ok(_) => Ok(()),
        }
    }

    /// Does what somebody wants of the device.
    async fn obey(&mut self, schedule: &mut Schedule, order: Order) -> Result<(), End> {
        let Wish::Ask { code, not_after } = &order.wish else {
            schedule.hurry(Instant::now(), |_| true);
            order.answer(Ok(Said::new()));
            return Ok(());
        };
        let (protocol, line) = (Arc::clone(&self.protocol), Arc::clone(&self.line));
        let request = match protocol.request(code) {
            Ok(request) => request,
            Err(error) => {
                order.answer(Err(AskError::Unknown(error.to_string())));
                return Ok(());
            }
        };
        let turn = line.turn(Rank::Order).await;
        if order.is_moot() || Instant::now() > *not_after {
            order.answer(Err(AskError::Away("its turn did not come in time".to_owned())));
            return Ok(());
        }
        let changes = request.command().kind() == CommandKind::Setting;
        let asked = self
            .ask(turn, Rank::Order, &request, if changes { 1 } else { TRIES })
            .await;
        if changes {
            // Whatever came of it, how the device is set is not known any more.
            let settings = |index: usize| {
                self.commands
                    .get(index)
                    .is_some_and(|polled: &Polled| polled.is_setting)
            };
            schedule.hurry(Instant::now(), settings);
        } else if let Some(polled) = self.commands.iter().find(|polled| polled.code == *code).cloned() {
            self.note(&polled, &asked).await?;
        }
        let lost = match &asked {
            Err(Failure::Away(error) | Failure::Lost(error)) => Some(End::Lost(error.to_string())),
            Ok(_) | Err(Failure::Refused(_) | Failure::Silent | Failure::Damaged(_)) => None,
        };
        let said = |taken: Vec<Taken>| taken.into_iter().map(|taken| (taken.name, taken.measured)).collect();
        order.answer(asked.map(said).map_err(AskError::from));
        lost.map_or(Ok(()), Err)
    }

    /// Asks so many times if nothing or nothing good comes back. Between two tries the line is the others'.
    async fn ask(
        &mut self,
        first: Turn<'_>,
        rank: Rank,
        request: &Request<'_>,
        tries: u32,
    ) -> Result<Vec<Taken>, Failure> {
        let line = Arc::clone(&self.line);
        let mut first = Some(first);
        let mut attempt = 1;
        loop {
            let mut turn = match first.take() {
                Some(turn) => turn,
                None => line.turn(rank).await,
            };
            let began = Instant::now();
            let asked = exchange(&mut turn, request).await;
            drop(turn);
            let most = match asked {
                Err(Failure::Damaged(_)) if tries > 1 => TRIES_IF_DAMAGED.max(tries),
                Ok(_) | Err(_) => tries,
            };
            if !self.count(&asked, began) || attempt >= most {
                return asked;
            }
            let quality = &mut self.watch.quality;
            quality.retries = quality.retries.saturating_add(1);
            sleep(RETRY_AFTER.saturating_mul(attempt)).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// Counts how one try ended. `true`: another may help.
    fn count(&mut self, asked: &Result<Vec<Taken>, Failure>, began: Instant) -> bool {
        let quality = &mut self.watch.quality;
        let (count, again) = match asked {
            Ok(_) => {
                quality.round_trip_ms = u64::try_from(began.elapsed().as_millis()).ok();
                (&mut quality.answered, false)
            }
            Err(Failure::Away(_) | Failure::Lost(_)) => return false,
            Err(Failure::Refused(_)) => (&mut quality.refused, false),
            Err(Failure::Silent) => (&mut quality.silent, true),
            Err(Failure::Damaged(_)) => (&mut quality.damaged, true),
        };
        *count = count.saturating_add(1);
        again
    }

    /// Tells the watch how a question of the schedule ended.
    async fn note(&mut self, polled: &Polled, asked: &Result<Vec<Taken>, Failure>) -> Result<(), Fenced> {
        let code = polled.code.as_str();
        let happening = match asked {
            Ok(taken) => {
                self.keeper.show_readings(taken, polled.is_setting);
                match polled.is_setting {
                    true => Happening::Set { code, taken },
                    false => Happening::Answered { code, taken },
                }
            }
            Err(Failure::Away(_) | Failure::Lost(_)) => return Ok(()),
            Err(Failure::Refused(error)) => {
                tracing::debug!(source = %self.keeper.source, code, %error, "refused");
                Happening::Refused { code }
            }
            Err(error @ (Failure::Silent | Failure::Damaged(_))) => {
                self.watch.quality.failed = self.watch.quality.failed.saturating_add(1);
                Happening::Failed {
                    code,
                    reason: error.to_string(),
                }
            }
        };
        self.happened(happening).await
    }
}
