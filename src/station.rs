//! The station's tree, wired in one place. Read this first.
//!
//! ```text
//! root (one_for_one)
//! ├─ journal       everything else waits for it
//! ├─ repeater      (rest_for_one) state-machine, parser, log-tail: consumers first
//! ├─ recorder      the tree's own diary
//! ├─ simulator     demo only: the host that writes the log
//! └─ web           page and API
//! ```
//!
//! A child that fails too often escalates: the root gives up and the process manager starts the service afresh. Those
//! without which the station does its work (diary, simulator) are suspended instead.
//! Actors meet through the journal and through `ChildRef`s that are handed over here, never by looking each other up.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use journal::Journal;
use kernel::{Child, ChildSpec, ExitReason, Health, OnExhausted, Outcome, Supervision, SupervisorSpec};
use model::Timestamp;
use sim::MmdvmHostActor;
use tokio::sync::SetOnce;

use crate::config::Config;
use crate::health::HealthLog;
use crate::{recorder, web};

/// What the demo adds.
pub(crate) struct Demo {
    /// Writes the log that the repeater group follows.
    pub(crate) host: ChildSpec<MmdvmHostActor>,
}

/// A launched station.
pub(crate) struct Station {
    supervision: Supervision,
    journal: Journal,
    address: SocketAddr,
}

/// Opens the journal and the port, then launches the tree.
///
/// # Errors
/// When the journal cannot be opened, the port is taken, or the tree contradicts itself.
pub(crate) fn launch(config: &Config, demo: Option<Demo>) -> anyhow::Result<Station> {
    let listener = web::listen(config.web.address())
        .with_context(|| format!("cannot listen on {} (web.bind, web.port)", config.web.address()))?;
    let address = listener.local_addr()?;
    let (journal, journal_child) = Journal::open(&config.journal, repeater::projections()).with_context(|| {
        format!(
            "cannot open the journal {} (journal.path)",
            config.journal.path.display()
        )
    })?;

    let supervision = Arc::new(SetOnce::new());
    let health = HealthLog::new(Timestamp::now());
    let recorder = recorder::child(recorder::Parts {
        journal: journal.clone(),
        supervision: Arc::clone(&supervision),
        health: health.clone(),
        demo: demo.is_some(),
    });
    let web = web::child(
        &config.web,
        listener,
        web::Parts {
            station: config.station.name.as_str().into(),
            demo: demo.is_some(),
            journal: journal.clone(),
            supervision: Arc::clone(&supervision),
            health,
        },
    );
    let repeater = repeater::children(&config.repeater, &journal);
    let simulator = demo.map(|demo| demo.host.on_exhausted(OnExhausted::Suspend));

    let root = SupervisorSpec::new("root")
        .child(journal_child)
        .child(repeater)
        .child(recorder.on_exhausted(OnExhausted::Suspend))
        .children(simulator.map(Child::from))
        .child(web);

    let launched = kernel::launch(root).context("cannot launch the actors")?;
    supervision.set(launched.clone()).context("launched twice")?;
    Ok(Station {
        supervision: launched,
        journal,
        address,
    })
}

impl Station {
    /// Where the page is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until every child is up or not wanted.
    pub(crate) async fn booted(&self) -> Result<(), ExitReason> {
        self.supervision.booted().await
    }

    /// Waits for an end that nobody asked for, and says why.
    pub(crate) async fn gave_up(&self) -> impl fmt::Display {
        match self.supervision.finished().await {
            Outcome::GaveUp(reason) => reason,
            Outcome::Terminated => ExitReason::Shutdown,
        }
    }

    /// Whether nothing can be expected any more.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.supervision.health(), Health::Down { .. })
    }

    /// Stops every child, the last started first. `false`: some had to be left behind.
    pub(crate) async fn shutdown(&self, limit: Duration) -> bool {
        recorder::say_stopping(&self.journal).await;
        let report = self.supervision.shutdown(limit).await;
        for path in &report.stragglers {
            tracing::error!(child = %path, "not stopped in time, left behind");
        }
        report.stragglers.is_empty()
    }
}
