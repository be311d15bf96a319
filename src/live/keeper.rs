//! How the configuration is changed: one change at a time, each checked, written, stored and put in force, in this order.
//!
//! Owns: the file while it is changed, and the checkpoint of `config`. Fails when: file or journal do not take a change; then
//! nothing is changed.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use journal::{Append, AppendError, CheckpointUpdate, Journal};
use model::{NewEvent, Source, Timestamp};
use tokio::sync::SetOnce;

use super::actor::{Make, Refuse};
use super::book::{Book, Trial};
use super::change::{Changed, Fact, What};
use super::{CONFIG, Candidate, LiveError, Running, State, blocking, file, plan};
use crate::health::Health;
use crate::station::Shared;

/// How long one append may take before it is tried again.
const APPEND_LIMIT: Duration = Duration::from_secs(5);

/// What is wrong, in a form that can be compared.
fn complaints(health: &Health) -> Vec<String> {
    let causes = health.causes.iter();
    causes
        .map(|cause| format!("{} {:?}", cause.subject, cause.health))
        .collect()
}

/// What is wrong that was not before.
fn worse(trial: &Trial, health: &Health) -> Option<String> {
    let known = complaints(health);
    let mut causes = health.causes.iter().zip(known);
    let (cause, _) = causes.find(|(_, complaint)| !trial.before.contains(complaint))?;
    Some(format!("{}: {}", cause.subject, cause.reason))
}

/// The right to write the next version of the checkpoint.
#[derive(Clone, Copy)]
pub(super) struct Pen {
    version: u64,
    /// The name of this writer. Taken anew after every doubt, so that no append that is still under way is mistaken for ours.
    writer: u64,
}

/// One change at a time.
pub(super) struct Keeper {
    state: Arc<State>,
    journal: Journal,
    station: Arc<SetOnce<Shared>>,
    /// `None`: what is stored has to be read first, because nobody knows what came of the last append.
    pen: Option<Pen>,
}

impl Keeper {
    pub(super) fn new(state: &Arc<State>, journal: &Journal, station: &Arc<SetOnce<Shared>>) -> Keeper {
        Keeper {
            state: Arc::clone(state),
            journal: journal.clone(),
            station: Arc::clone(station),
            pen: None,
        }
    }

    /// Reads the versions, and notes what is in force if they do not know it.
    pub(super) async fn ready(&mut self) -> Result<Pen, LiveError> {
        if let Some(pen) = self.pen {
            return Ok(pen);
        }
        let journal = self.journal.clone();
        let stored = tokio::task::spawn_blocking(move || journal.checkpoint(CONFIG)).await;
        let unavailable = |error: &dyn std::fmt::Display| LiveError::Unavailable(error.to_string());
        let stored = stored
            .map_err(|error| unavailable(&error))?
            .map_err(|error| unavailable(&error))?;
        let mut book = match &stored {
            Some(stored) => serde_json::from_str::<Book>(&stored.data).map_err(|error| unavailable(&error))?,
            None => Book::default(),
        };
        let version = stored.map_or(0, |stored| stored.version);
        let pen = Pen {
            version,
            // The only randomness in the standard library; it has to differ between writers, no more.
            writer: RandomState::new().hash_one(version),
        };
        self.pen = Some(pen);
        let running = self.state.running();
        let known = book.text(book.current).map(str::to_owned);
        if self.state.file.is_ok() && book.found(&running.text, ("file", "found at the start"), Timestamp::now()) {
            let fact = match known {
                Some(text) => self.found(&text, &running, book.current).await,
                None => None,
            };
            return self.store(fact.as_ref(), book).await;
        }
        self.show(book);
        Ok(pen)
    }

    /// What is different from the version that ran last.
    async fn found(&self, known: &str, running: &Running, version: u64) -> Option<Fact> {
        let before = self.state.check(known.to_owned()).await.ok()?;
        Some(Fact::Applied {
            version,
            who: "file".to_owned(),
            why: "found at the start".to_owned(),
            difference: plan::Difference::new(&before.config, &running.config, &running.wanted.config),
        })
    }

    fn show(&self, book: Book) {
        let running = Running::clone(&self.state.running());
        self.state.put(Running { book, ..running });
    }

    pub(super) async fn stage(&mut self, text: String, who: &str) -> Result<u64, LiveError> {
        let path = self.state.file()?.to_owned();
        self.ready().await?;
        self.state.check(text.clone()).await?;
        let writable = blocking(move || file::try_replace(&path)).await;
        writable.map_err(|error| LiveError::NotWritten(error.to_string()))?;
        let mut book = self.state.running().book.clone();
        let version = book.stage(&text, who, Timestamp::now());
        self.store(None, book).await?;
        Ok(version)
    }

    pub(super) async fn make(&mut self, make: Make) -> Result<Changed, LiveError> {
        let made = self.try_make(&make).await;
        if let Err(reason) = &made {
            let (who, why) = (make.who, make.why);
            let reason = reason.clone();
            self.refuse(Refuse { who, why, reason }).await;
        }
        made
    }

    async fn try_make(&mut self, Make { what, who, why }: &Make) -> Result<Changed, LiveError> {
        let starting = || LiveError::Unavailable("the station is starting".to_owned());
        let station = self.station.get().cloned().ok_or_else(starting)?;
        let supervision = station.supervision.get().cloned().ok_or_else(starting)?;
        self.ready().await?;
        let running = self.state.running();
        let on_trial = running.book.trial.clone();
        if let (Some(trial), What::Apply(_) | What::Reload) = (&on_trial, what) {
            return Err(LiveError::OnTrial(trial.version));
        }
        let text = self.text(*what, &running).await?;
        let candidate = self.state.check(text.clone()).await?;
        let difference = self.state.difference(&candidate);
        let health = station.health.look(&supervision, &station.journal, &station.gate);

        let (mut book, by, at) = (running.book.clone(), (who.as_str(), why.as_str()), Timestamp::now());
        let version = match what {
            What::Apply(version) | What::Rollback(version) => *version,
            What::Reload if text == running.text => book.current,
            What::Reload => book.stage(&text, who, at),
        };
        // Whoever goes back from a trial goes back to what was good.
        let doubtful = on_trial.is_none() && !difference.applied.is_empty();
        let trial = doubtful.then(|| Trial {
            version,
            previous: running.book.current,
            before: complaints(&health),
            seconds: running.config.station.trial_s,
        });
        if !book.put(version, by, at, trial.clone()) {
            return Err(LiveError::NoVersion(version));
        }
        let fact = Fact::of(*what, (version, running.book.current), by, &difference);
        self.write(&running.text, &text).await?;
        if let Err(error) = self.store(Some(&fact), book).await {
            // What somebody wrote into the file themselves stays there.
            if *what != What::Reload {
                self.write(&text, &running.text).await?;
            }
            return Err(error);
        }
        self.enforce(&station, candidate, text, &difference.restarts)?;
        tracing::warn!(version, keys = ?difference.applied, "another configuration is in force");
        Ok(Changed {
            version,
            applied: difference.applied,
            after_restart: difference.after_restart,
            restarts: difference.restarts,
            trial_s: trial.map(|trial| trial.seconds),
        })
    }

    /// The text that is to be in force. What somebody has written into the file meanwhile is not lost by a change.
    async fn text(&self, what: What, running: &Running) -> Result<String, LiveError> {
        let on_disk = self.state.read_file().await?;
        match what {
            What::Reload => Ok(on_disk),
            What::Apply(_) | What::Rollback(_) if on_disk != running.text => {
                Err(LiveError::Edited(self.state.file()?.display().to_string()))
            }
            What::Apply(version) | What::Rollback(version) => {
                let text = running.book.text(version).map(str::to_owned);
                text.ok_or(LiveError::NoVersion(version))
            }
        }
    }

    /// Puts a text into the file's place, as long as the file says what it is expected to; if it says the new text, it is done.
    async fn write(&self, expected: &str, text: &str) -> Result<(), LiveError> {
        let path = self.state.file()?.to_owned();
        let on_disk = self.state.read_file().await?;
        if on_disk == text {
            return Ok(());
        }
        if on_disk != expected {
            return Err(LiveError::Edited(path.display().to_string()));
        }
        let text = text.to_owned();
        let written = blocking(move || file::replace(&path, &text)).await;
        written.map_err(|error| LiveError::NotWritten(error.to_string()))
    }

    /// Stores the book, and an event with it.
    async fn store(&mut self, fact: Option<&Fact>, book: Book) -> Result<Pen, LiveError> {
        let pen = match self.pen.take() {
            Some(pen) => pen,
            None => return Err(LiveError::Unavailable("the versions are not read yet".to_owned())),
        };
        let invalid = |error: serde_json::Error| LiveError::Unavailable(error.to_string());
        let source = Source::new(CONFIG);
        let events = fact.map(|fact| NewEvent::new(Timestamp::now(), &source, fact));
        let append = Append {
            producer: CONFIG.to_owned(),
            events: events.into_iter().collect::<Result<_, _>>().map_err(invalid)?,
            checkpoint: Some(CheckpointUpdate {
                expect: pen.version,
                writer: pen.writer,
                data: serde_json::to_string(&book).map_err(invalid)?,
            }),
        };
        let mut appended = self.journal.append(append.clone(), APPEND_LIMIT).await;
        if matches!(appended, Err(AppendError::Unavailable)) {
            appended = self.journal.append(append, APPEND_LIMIT).await;
        }
        let appended = appended.map_err(|error| LiveError::Unavailable(error.to_string()))?;
        let version = appended.version;
        let pen = Pen { version, ..pen };
        self.pen = Some(pen);
        self.show(book);
        Ok(pen)
    }

    /// Puts a configuration in force.
    fn enforce(&self, station: &Shared, wanted: Candidate, text: String, restarts: &[String]) -> Result<(), LiveError> {
        let config = plan::possible(&wanted.config, &self.state.launched);
        let rules = station.gate.configure(&config.gate);
        rules.map_err(|error| LiveError::Unavailable(error.to_string()))?;
        station.access.configure(&config.access);
        (self.state.level)(&config.log.level);
        let book = self.state.running().book.clone();
        self.state.put(Running {
            config,
            wanted,
            text,
            book,
        });
        // Taken from the end: the server comes last.
        let mut waiting = self.state.restarts.lock();
        for path in restarts.iter().rev() {
            waiting.retain(|known| known != path);
            waiting.push(path.clone());
        }
        drop(waiting);
        self.state.news.notify_one();
        Ok(())
    }

    /// The end of a trial: it stays, or what was before comes back.
    pub(super) async fn conclude(&mut self, trial: &Trial, health: &Health) -> Result<(), LiveError> {
        self.ready().await?;
        let running = self.state.running();
        if running.book.trial.as_ref() != Some(trial) {
            return Ok(());
        }
        let mut book = running.book.clone();
        let Some(reason) = worse(trial, health) else {
            book.trial = None;
            let fact = Fact::Proved { version: trial.version };
            self.store(Some(&fact), book).await?;
            tracing::info!(version = trial.version, "the configuration has proved itself");
            return Ok(());
        };
        tracing::error!(
            version = trial.version,
            back_to = trial.previous,
            reason,
            "the station is worse: configuration rolled back"
        );
        let text = running.book.text(trial.previous).map(str::to_owned);
        let text = text.ok_or(LiveError::NoVersion(trial.previous))?;
        let candidate = self.state.check(text.clone()).await?;
        let difference = self.state.difference(&candidate);
        let mut why = format!("the station was worse than before: {reason}");
        if let Err(error) = self.write(&running.text, &text).await {
            tracing::error!(%error, "the file still has the configuration that was rolled back");
            why = format!("{why}; {error}");
        }
        book.put(trial.previous, ("station", &why), Timestamp::now(), None);
        let fact = Fact::RolledBack {
            version: trial.previous,
            from: trial.version,
            who: "station".to_owned(),
            why,
            automatic: true,
            difference: difference.clone(),
        };
        // The station comes first: if the journal does not take it, it is noted by the next reader of the versions.
        let Some(station) = self.station.get().cloned() else {
            return Ok(());
        };
        self.show(book.clone());
        self.enforce(&station, candidate, text, &difference.restarts)?;
        self.store(Some(&fact), book).await.map(drop)
    }

    pub(super) async fn refuse(&mut self, Refuse { who, why, reason }: Refuse) {
        tracing::warn!(who, %reason, "configuration refused");
        let (said, problems) = if let LiveError::Problems(problems) = reason {
            (format!("the configuration has problems: {}", problems.len()), problems)
        } else {
            (reason.to_string(), Vec::new())
        };
        let fact = Fact::Refused {
            who,
            why,
            reason: said,
            problems,
        };
        if self.ready().await.is_err() {
            return;
        }
        let book = self.state.running().book.clone();
        if let Err(error) = self.store(Some(&fact), book).await {
            tracing::warn!(%error, "the journal was not told of a refused configuration");
        }
    }
}
