//! The station's tree, wired in one place. Read this first.
//!
//! ```text
//! root (one_for_one)
//! ├─ journal       everything else waits for it
//! ├─ simulator     demo only: the host that writes the log
//! ├─ power-plant   demo only: the devices of the power group
//! ├─ repeater      (rest_for_one) state-machine, parser, log-tail: consumers first; mqtt (one_for_one): one child a host
//! ├─ power         (one_for_one) if devices are configured: one child an inverter, battery or charger
//! ├─ recorder      the tree's own diary
//! └─ web           page and API
//! ```
//!
//! A child that fails too often escalates: the root gives up and the process manager starts the service afresh. Those
//! without which the station does its work (diary, simulator) are suspended instead.
//! Actors meet through the journal and through `ChildRef`s that are handed over here, never by looking each other up.

use std::fmt;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use journal::Journal;
use kernel::{Child, ChildSpec, ExitReason, Health, OnExhausted, Outcome, Supervision, SupervisorSpec};
use sim::{MmdvmHostActor, PowerPlantActor};
use tokio::sync::SetOnce;

use crate::config::Config;
use crate::health::{HealthLog, Moment};
use crate::{diary, recorder, web};

/// What the demo adds.
pub(crate) struct Demo {
    /// Writes the log that the repeater group follows.
    pub(crate) host: ChildSpec<MmdvmHostActor>,
    /// Speaks for the devices of the power group.
    pub(crate) plant: ChildSpec<PowerPlantActor>,
}

/// What the station's own actors know of it.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Its name, as the page shows it.
    pub(crate) name: Arc<str>,
    /// Whether the calls are invented.
    pub(crate) demo: bool,
    pub(crate) journal: Journal,
    /// Set once the tree is launched, which is a moment after its first children start.
    pub(crate) supervision: Arc<SetOnce<Supervision>>,
    pub(crate) health: HealthLog,
}

/// A launched station.
pub(crate) struct Station {
    supervision: Supervision,
    journal: Journal,
    address: SocketAddr,
    /// Held for its drop.
    _claim: File,
}

/// Opens the journal and the port, then launches the tree.
///
/// # Errors
/// When the journal cannot be opened, the port is taken, or the tree contradicts itself.
pub(crate) fn launch(config: &Config, demo: Option<Demo>) -> anyhow::Result<Station> {
    let listener = web::listen(config.web.address())
        .with_context(|| format!("cannot listen on {} (web.bind, web.port)", config.web.address()))?;
    let address = listener.local_addr()?;
    let claim = claim(&config.journal.path)?;
    let (journal, journal_child) = Journal::open(&config.journal, repeater::projections()).with_context(|| {
        format!(
            "cannot open the journal {} (journal.path)",
            config.journal.path.display()
        )
    })?;

    let shared = Shared {
        name: config.station.name.as_str().into(),
        demo: demo.is_some(),
        journal: journal.clone(),
        supervision: Arc::new(SetOnce::new()),
        health: HealthLog::new(Moment::now()),
    };

    let simulators = demo.map(|demo| {
        let host = Child::from(demo.host.on_exhausted(OnExhausted::Suspend));
        [host, Child::from(demo.plant.on_exhausted(OnExhausted::Suspend))]
    });
    let repeater = repeater::children(&config.repeater, &journal);
    let power = power::children(&config.power, &journal).map(Child::from);
    let recorder = recorder::child(shared.clone()).on_exhausted(OnExhausted::Suspend);
    let web = web::child(&config.web, &config.clients, listener, shared.clone());

    let root = SupervisorSpec::new("root")
        .child(journal_child)
        .children(simulators.into_iter().flatten())
        .child(repeater)
        .children(power)
        .child(recorder)
        .child(web);

    let supervision = kernel::launch(root).context("cannot launch the actors")?;
    shared.supervision.set(supervision.clone()).context("launched twice")?;
    Ok(Station {
        supervision,
        journal,
        address,
        _claim: claim,
    })
}

/// Takes the journal for this process: two stations in one file would fence each other's appends for ever.
/// The claim ends with the process, however it ends.
fn claim(journal: &Path) -> anyhow::Result<File> {
    let mut path = journal.as_os_str().to_owned();
    path.push(".lock");
    let path = Path::new(&path);
    let file = File::create(path).with_context(|| format!("cannot create {} (journal.path)", path.display()))?;
    file.try_lock().with_context(|| {
        let journal = journal.display();
        format!("the journal {journal} (journal.path) is in use: another station runs")
    })?;
    Ok(file)
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
        diary::say_stopping(&self.journal).await;
        let report = self.supervision.shutdown(limit).await;
        for path in &report.stragglers {
            tracing::error!(child = %path, "not stopped in time, left behind");
        }
        report.stragglers.is_empty()
    }
}
