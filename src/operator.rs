//! What an operator asks of an actor: restart, stop, start. First written into the journal, then done.
//!
//! **Invariant:** a request that reached the kernel ends, whether or not whoever asked is still there.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use journal::{Append, Journal};
use kernel::{ChildPath, OperatorError, OperatorOutcome, Supervision};
use model::{EventData, NewEvent, Source, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// How long the journal may take to note a request. An operator who repairs the journal must not wait for it.
const NOTE_LIMIT: Duration = Duration::from_secs(2);

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verb {
    /// Stop it and start it anew, with those that its strategy takes along.
    Restart,
    /// Stop it and keep it down.
    Stop,
    /// Start what was kept down.
    Start,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Restart => "restart",
            Verb::Stop => "stop",
            Verb::Start => "start",
        })
    }
}

impl FromStr for Verb {
    type Err = ();

    fn from_str(text: &str) -> Result<Verb, ()> {
        match text {
            "restart" => Ok(Verb::Restart),
            "stop" => Ok(Verb::Stop),
            "start" => Ok(Verb::Start),
            _ => Err(()),
        }
    }
}

/// A request, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Request {
    /// Which actor.
    pub(crate) path: ChildPath,
    /// What to do with it.
    pub(crate) request: Verb,
    /// Who asked: as they said, and from where.
    pub(crate) who: String,
    /// Why, as they said.
    pub(crate) why: Option<String>,
}

impl EventData for Request {
    fn event_type(&self) -> &'static str {
        "operator_request"
    }
}

impl Request {
    /// Writes it down, then does it. Resolves when it is done.
    pub(crate) async fn carry_out(
        &self,
        journal: &Journal,
        supervision: &Supervision,
    ) -> Result<OperatorOutcome, OperatorError> {
        self.note(journal).await;
        self.perform(supervision).await
    }

    /// Does it. The first poll hands it to the kernel.
    pub(crate) async fn perform(&self, supervision: &Supervision) -> Result<OperatorOutcome, OperatorError> {
        tracing::info!(child = %self.path, request = %self.request, who = self.who, "operator request");
        match self.request {
            Verb::Restart => supervision.restart(&self.path).await,
            Verb::Stop => supervision.stop(&self.path).await,
            Verb::Start => supervision.start(&self.path).await,
        }
    }

    /// Writes it into the journal; a journal that cannot is no reason to refuse.
    pub(crate) async fn note(&self, journal: &Journal) {
        let event = NewEvent::new(Timestamp::now(), &Source::new("kernel"), self);
        let noted = match event {
            Ok(event) => {
                let append = Append {
                    producer: "operator".to_owned(),
                    events: vec![event],
                    checkpoint: None,
                };
                journal
                    .append(append, NOTE_LIMIT)
                    .await
                    .map(|_| ())
                    .map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = noted {
            tracing::warn!(%error, child = %self.path, request = %self.request, "operator request not in the journal");
        }
    }
}
