//! The simulated host at work: a supervised child that writes each line of a [`Host`] when its time has come.
//!
//! Owns: the log files of one directory. Talks to: nobody; who follows the directory reads what it wrote.
//! Fails when: the directory cannot be written to. A restarted host begins with its banner, like the real one.

use std::iter::Peekable;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use actix::ActorContext;
use actix::{Actor, AsyncContext, Context, Running};
use kernel::{ChildEnv, ChildSpec, answers_ping};
use model::Timestamp;

use crate::DailyLog;
use crate::mmdvm::{Host, HostSettings, Level};

/// Where the simulated host logs, and what decides its traffic.
#[derive(Clone, Debug)]
pub struct MmdvmHostSettings {
    /// The log directory; made if it does not exist.
    pub directory: PathBuf,
    /// How the file names begin (`FileRoot`).
    pub file_root: String,
    /// The same seed gives the same traffic; each incarnation has its own.
    pub seed: u64,
    /// How much earlier the first incarnation began, as its log will say.
    pub past: Duration,
}

/// The child `simulator`.
#[must_use]
pub fn mmdvm_host(settings: MmdvmHostSettings) -> ChildSpec<MmdvmHostActor> {
    ChildSpec::new("simulator", move |env| Ok(MmdvmHostActor::new(env, &settings)))
}

/// A host without a radio.
pub struct MmdvmHostActor {
    env: ChildEnv,
    host: Peekable<Host>,
    files: DailyLog,
    /// The wall clock at the start; from then on the host's time runs by the monotonic clock.
    start: Timestamp,
    started: Instant,
}

answers_ping!(MmdvmHostActor);

impl MmdvmHostActor {
    fn new(env: ChildEnv, settings: &MmdvmHostSettings) -> MmdvmHostActor {
        let start = Timestamp::now();
        let wanted = HostSettings {
            seed: settings.seed.wrapping_add(env.incarnation()),
            start,
            level: Level::Message,
        };
        // The log of the incarnation before is the past of this one.
        let past = if env.incarnation() == 1 {
            settings.past
        } else {
            Duration::ZERO
        };
        let host = Host::with_past(wanted, past);
        MmdvmHostActor {
            env,
            host: host.peekable(),
            files: DailyLog::new(&settings.directory, &settings.file_root),
            start,
            started: Instant::now(),
        }
    }

    fn clock(&self) -> Timestamp {
        self.start.plus(self.started.elapsed())
    }

    /// Writes what is due and comes back when the next line is.
    fn write_due(&mut self, ctx: &mut Context<MmdvmHostActor>) {
        let now = self.clock();
        while let Some(line) = self.host.next_if(|line| line.at <= now) {
            if let Err(error) = self.files.append(&line) {
                self.env.fail(format!("cannot write the log: {error}"));
                ctx.stop();
                return;
            }
        }
        let pause = self.host.peek().map_or(Duration::ZERO, |next| next.at.since(now));
        ctx.run_later(pause, MmdvmHostActor::write_due);
    }
}

impl Actor for MmdvmHostActor {
    type Context = Context<MmdvmHostActor>;

    fn started(&mut self, ctx: &mut Context<MmdvmHostActor>) {
        self.write_due(ctx);
    }

    fn stopping(&mut self, _: &mut Context<MmdvmHostActor>) -> Running {
        if !self.env.is_revoked() {
            for line in Host::farewell(self.clock()) {
                if let Err(error) = self.files.append(&line) {
                    tracing::warn!(%error, "farewell not written");
                }
            }
        }
        Running::Stop
    }
}
