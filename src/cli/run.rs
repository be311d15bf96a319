//! `stationd run` and `stationd demo`: launch the tree, wait for its end or for a signal, end in order.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use sim::{MmdvmHostSettings, PowerPlantSettings, mmdvm_host, power_plant};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::{FAILED, GAVE_UP, failed, logging, refuse};
use crate::config::{self, Config, Loaded, Problem};
use crate::live::LevelSwitch;
use crate::station::{self, Demo, Station};
use crate::systemd;

/// How long the ordered shutdown may take; process managers wait longer before they kill.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// What `demo` runs when no file is named.
const DEMO_CONFIG: &str = include_str!("../../config/demo.toml");

/// How the simulated host begins the names of its logs.
const DEMO_FILE_ROOT: &str = "MMDVM";

/// Any number; the same one gives the same traffic.
const DEMO_SEED: u64 = 1;

/// So long the simulated host has been at work already: a day of calls, so that lists and charts have something to show.
const DEMO_PAST: Duration = Duration::from_secs(24 * 3600);

/// How a run ended.
enum End {
    Ordered,
    /// Something had to be left behind.
    Disordered,
    GaveUp,
}

impl From<End> for ExitCode {
    fn from(end: End) -> ExitCode {
        match end {
            End::Ordered => ExitCode::SUCCESS,
            End::Disordered => ExitCode::from(FAILED),
            End::GaveUp => ExitCode::from(GAVE_UP),
        }
    }
}

pub(super) fn run(file: Option<&Path>) -> ExitCode {
    with(config::load_file(file), |loaded, level| serve(&loaded, None, level))
}

pub(super) fn demo(file: Option<&Path>) -> ExitCode {
    let config = match file {
        Some(_) => config::load_file(file),
        None => config::check_text(Path::new("the demo's configuration"), DEMO_CONFIG).map(|(config, set)| Loaded {
            config,
            set,
            file: None,
        }),
    };
    with(config, |mut loaded, level| {
        let directory = TempDir::with_prefix("stationd-demo-").context("no temporary directory")?;
        let demo = stage(&mut loaded.config, directory.path())?;
        serve(&loaded, Some(demo), level)
    })
}

/// Points the configuration to the stage and hires the host and the power plant.
fn stage(config: &mut Config, directory: &Path) -> anyhow::Result<Demo> {
    let logs = directory.join("log");
    fs::create_dir(&logs)?;
    config.journal.path = directory.join("journal.db");
    config.repeater.log_directory.clone_from(&logs);
    DEMO_FILE_ROOT.clone_into(&mut config.repeater.file_root);
    let host = mmdvm_host(MmdvmHostSettings {
        directory: logs,
        file_root: DEMO_FILE_ROOT.to_owned(),
        seed: DEMO_SEED,
        past: DEMO_PAST,
    });
    let lines = directory.join("lines");
    fs::create_dir(&lines)?;
    for (name, device) in &mut config.power.devices {
        device.port = lines.join(name).display().to_string();
    }
    let plant = power_plant(PowerPlantSettings {
        directory: lines,
        seed: DEMO_SEED,
    });
    Ok(Demo { host, plant })
}

fn with(
    loaded: Result<Loaded, Vec<Problem>>,
    run: impl FnOnce(Loaded, LevelSwitch) -> anyhow::Result<End>,
) -> ExitCode {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(problems) => return refuse(&problems),
    };
    let log = logging::init(&loaded.config.log);
    #[cfg(feature = "chaos")]
    if let Err(error) = unleash_chaos() {
        return failed(&error);
    }
    match run(loaded, log.level()) {
        Ok(end) => end.into(),
        Err(error) => failed(&error),
    }
}

/// Trouble on purpose, if the environment has a plan for it.
#[cfg(feature = "chaos")]
fn unleash_chaos() -> anyhow::Result<()> {
    if let Ok(plan) = std::env::var("STATIOND_CHAOS") {
        kernel::chaos::unleash(plan.parse()?);
    }
    Ok(())
}

fn serve(loaded: &Loaded, demo: Option<Demo>, level: LevelSwitch) -> anyhow::Result<End> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let station = station::launch(loaded, demo, level)?;
        watch(&station).await
    })
}

/// Reads the configuration again at every SIGHUP.
async fn reload_when_asked(station: &Station) -> anyhow::Result<Infallible> {
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        hangup.recv().await;
        station.reload().await;
    }
}

/// Feeds the process manager's watchdog until a signal comes or the tree ends by itself.
async fn watch(station: &Station) -> anyhow::Result<End> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut alive = tokio::time::interval(systemd::alive_every());
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut booted = std::pin::pin!(station.booted());
    let mut booting = true;
    let mut reloads = std::pin::pin!(reload_when_asked(station));
    loop {
        tokio::select! {
            up = &mut booted, if booting => {
                booting = false;
                if up.is_ok() {
                    tracing::info!(address = %station.address(), "listening");
                    systemd::ready();
                }
            }
            _ = alive.tick() => if !station.is_down() { systemd::alive() },
            reason = station.gave_up() => {
                tracing::error!(%reason, "the station gave up");
                return Ok(End::GaveUp);
            }
            failed = &mut reloads => return failed.map(|never| match never {}),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    tracing::info!("stopping");
    systemd::stopping();
    tokio::select! {
        ordered = station.shutdown(SHUTDOWN_LIMIT) => Ok(if ordered { End::Ordered } else { End::Disordered }),
        // Somebody is in a hurry.
        _ = interrupt.recv() => Ok(End::Disordered),
    }
}
