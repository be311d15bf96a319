//! The station's tree, wired in one place. Read this first.
//!
//! ```text
//! root (one_for_one)
//! ├─ journal       everything else waits for it
//! ├─ access        people, keys and sessions
//! ├─ config        the configuration in force, and its versions
//! ├─ gate          every effect on the outside world
//! ├─ simulator     demo only: the host that writes the log
//! ├─ power-plant   demo only: the devices of the power group
//! ├─ repeater      (rest_for_one) state-machine, parser, log-tail: consumers first; mqtt, gateways (one_for_one): one child each
//! ├─ power         (one_for_one) if devices are configured: one child an inverter, battery or charger; system
//! ├─ recorder      the tree's own diary
//! └─ web           page and API
//! ```
//!
//! A child that fails too often escalates: the root gives up and the process manager starts the service afresh. Those
//! without which the station does its work (config, gate, diary, simulator) are suspended instead.
//! Actors meet through the journal and through `ChildRef`s that are handed over here, never by looking each other up.

use std::fmt;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use gate::workflow::Act;
use gate::{Gate, Seal, Submitted};
use journal::{Journal, JournalActor};
use kernel::{Child, ChildSpec, ExitReason, Health, OnExhausted, Outcome, Supervision, SupervisorSpec};
use model::{Command, CommandState, Identity, Role, Tier};
use power::Power;
use repeater::Section;
use sim::{MmdvmHostActor, PowerPlantActor};
use thiserror::Error;
use tokio::sync::SetOnce;

use crate::access::{Access, AccessActor};
use crate::config::{Config, Loaded, WebConfig};
use crate::health::{HealthLog, Moment};
use crate::live::{LevelSwitch, Live, What, request};
use crate::secret::{self, Secret};
use crate::web::Tls;
use crate::{diary, effects, recorder, web};

/// Why a reload was asked for by a signal.
const SIGNALLED: &str = "SIGHUP";

/// How long a reload is waited for.
const RELOAD_LIMIT: Duration = Duration::from_secs(40);

/// What the demo adds.
pub(crate) struct Demo {
    /// Writes the log that the repeater group follows.
    pub(crate) host: ChildSpec<MmdvmHostActor>,
    /// Speaks for the devices of the power group.
    pub(crate) plant: ChildSpec<PowerPlantActor>,
}

impl Demo {
    /// Without them the station does its work all the same.
    fn children(self) -> [Child; 2] {
        let host = self.host.on_exhausted(OnExhausted::Suspend);
        [host.into(), self.plant.on_exhausted(OnExhausted::Suspend).into()]
    }
}

/// What the station's own actors know of it.
#[derive(Clone)]
pub(crate) struct Shared {
    /// The configuration in force.
    pub(crate) live: Live,
    /// Whether the calls are invented.
    pub(crate) demo: bool,
    pub(crate) journal: Journal,
    pub(crate) gate: Gate,
    /// What the station seals with.
    pub(crate) seal: Seal,
    /// The devices of the power group.
    pub(crate) power: Power,
    /// Set once the tree is launched, which is a moment after its first children start.
    pub(crate) supervision: Arc<SetOnce<Supervision>>,
    pub(crate) health: HealthLog,
    pub(crate) access: Access,
}

/// The configuration does not go with what was found; as one that is wrong in itself, it does not heal by trying again.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Misconfigured(pub(crate) String);

/// What is opened before anything runs: the files, and who may come in.
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    pub(crate) journal_child: ChildSpec<JournalActor>,
    pub(crate) access: Access,
    pub(crate) access_child: ChildSpec<AccessActor>,
    seal: Seal,
    /// Held for its drop.
    pub(crate) claim: File,
}

/// A launched station.
pub(crate) struct Station {
    supervision: Supervision,
    journal: Journal,
    gate: Gate,
    live: Live,
    address: SocketAddr,
    /// Held for its drop.
    _claim: File,
}

/// Opens the files of a station that does not run.
///
/// # Errors
/// When another station has them, or one cannot be opened or read.
pub(crate) fn open(config: &Config) -> anyhow::Result<Opened> {
    let path = config.journal.path.as_path();
    let claim = claim(path)?;
    let secret = Secret::beside(path).with_context(|| format!("the secret {}", secret::path(path).display()))?;
    let seal = Seal::new(secret.bytes());
    let mut projections = repeater::projections();
    projections.extend(power::projections());
    projections.extend(gate::projections(&seal));
    let (journal, journal_child) = Journal::open(&config.journal, projections)
        .with_context(|| format!("cannot open the journal {} (journal.path)", path.display()))?;
    let (access, access_child) = Access::open(&journal, &secret, &config.access)?;
    Ok(Opened {
        journal,
        journal_child,
        access,
        access_child,
        seal,
        claim,
    })
}

/// Opens the files and the port, then launches the tree.
///
/// # Errors
/// When a file cannot be opened, the port is taken, nobody could be kept out of it, or the tree contradicts itself.
pub(crate) fn launch(loaded: &Loaded, demo: Option<Demo>, level: LevelSwitch) -> anyhow::Result<Station> {
    let config = &loaded.config;
    let Opened {
        journal,
        journal_child,
        access,
        access_child,
        seal,
        claim,
    } = open(config)?;
    guard_door(&config.web, &access)?;
    let tls = open_tls(&config.web)?;
    let listener = web::listen(config.web.address())
        .with_context(|| format!("cannot listen on {} (web.bind, web.port)", config.web.address()))?;
    let address = listener.local_addr()?;
    let supervision = Arc::new(SetOnce::new());
    let station = Arc::new(SetOnce::new());
    let fixed = demo.as_ref().map(|_| "the demo has no configuration to change");
    let (live, config_child) = Live::new(loaded, fixed, (&journal, &access), level, &station);
    let (devices, power) = power::children(&config.power, &journal);
    let effects = effects::all(&supervision, &live, &access, &power)?;
    let (gate, gate_child) = Gate::new(&config.gate, &journal, &seal, effects)?;

    let shared = Shared {
        live: live.clone(),
        demo: demo.is_some(),
        journal: journal.clone(),
        supervision,
        health: HealthLog::new(Moment::now()),
        access,
        gate,
        seal,
        power,
    };

    let section = Section::new(move || live.running().config.repeater.clone());
    let repeater = repeater::children(section, &journal);
    let recorder = recorder::child(shared.clone()).on_exhausted(OnExhausted::Suspend);
    let web = web::child(listener, shared.clone(), tls);

    let root = SupervisorSpec::new("root")
        .child(journal_child)
        .child(access_child)
        .child(config_child.on_exhausted(OnExhausted::Suspend))
        .child(gate_child.on_exhausted(OnExhausted::Suspend))
        .children(demo.into_iter().flat_map(Demo::children))
        .child(repeater)
        .children(devices.map(Child::from))
        .child(recorder)
        .child(web);

    let supervision = kernel::launch(root).context("cannot launch the actors")?;
    shared.supervision.set(supervision.clone()).context("launched twice")?;
    let (gate, live) = (shared.gate.clone(), shared.live.clone());
    station.set(shared).ok().context("launched twice")?;
    Ok(Station {
        supervision,
        journal,
        gate,
        live,
        address,
        _claim: claim,
    })
}

fn open_tls(web: &WebConfig) -> Result<Option<Tls>, Misconfigured> {
    let files = web.tls.files();
    let tls = files.map(|(certificate, key)| Tls::open(certificate, key)).transpose();
    tls.map_err(|error| Misconfigured(error.to_string()))
}

/// Refuses a door that is open to the network and to which nobody has a key.
fn guard_door(web: &WebConfig, access: &Access) -> Result<(), Misconfigured> {
    if let Some(reason) = door_problem(web, access) {
        return Err(Misconfigured(format!("web.bind: {reason}")));
    }
    if access.book().has_accounts() {
        return Ok(());
    }
    if web.bind.is_loopback() && !web.behind_tls_proxy {
        tracing::info!("no account yet: whoever uses this computer is admin");
        return Ok(());
    }
    tracing::warn!("no account yet: nobody can sign in; stop, then: stationd user add NAME --role admin");
    Ok(())
}

/// Why the service does not start with this door.
pub(crate) fn door_problem(web: &WebConfig, access: &Access) -> Option<String> {
    let may_start = access.book().has_accounts() || web.bind.is_loopback() || web.behind_tls_proxy;
    (!may_start).then(|| {
        format!(
            "{} is no loopback address, and there is no account that anybody could sign in with; make the first with \
             `stationd user add NAME --role admin`, then start again",
            web.bind
        )
    })
}

/// Takes the journal for this process: two stations in one file would fence each other's appends for ever.
/// The claim ends with the process, however it ends.
fn claim(journal: &Path) -> anyhow::Result<File> {
    let path = lock_file(journal);
    let file = File::create(&path).with_context(|| format!("cannot create {} (journal.path)", path.display()))?;
    file.try_lock().with_context(|| {
        let journal = journal.display();
        format!("the journal {journal} (journal.path) is in use: another station runs")
    })?;
    Ok(file)
}

fn lock_file(journal: &Path) -> PathBuf {
    journal.with_added_extension("lock")
}

/// Whether a station has this journal.
pub(crate) fn is_running(journal: &Path) -> bool {
    let lock = File::open(lock_file(journal));
    lock.is_ok_and(|lock| lock.try_lock().is_err())
}

fn waits_for_a_word(command: &Command) -> bool {
    command.state == CommandState::Requested && command.tier == Tier::Confirm
}

impl Station {
    /// Where the page is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads the configuration file again: whoever may signal this process has it in hand. The policy has its say; what it
    /// wants confirmed, the signal confirms as well.
    pub(crate) async fn reload(&self) {
        let by = Identity::new("signal", Role::Admin);
        let order = request::order(What::Reload, SIGNALLED);
        let asked = request::submit(&self.live, &self.gate, order, &by).await;
        let confirmed = match asked {
            Ok(Submitted { command, .. }) if waits_for_a_word(&command) => {
                self.gate.decide(command.id, Act::Approve, &by, SIGNALLED).await
            }
            other => other,
        };
        match confirmed {
            Ok(submitted) => {
                let command = self.gate.ended(submitted, RELOAD_LIMIT).await;
                tracing::info!(command = command.id.0, state = ?command.state, error = command.error, "reload");
            }
            Err(error) => tracing::error!(%error, "configuration not reloaded"),
        }
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
