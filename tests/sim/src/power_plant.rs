//! The simulated plant at work: a supervised child that keeps four devices on pseudo-terminals, behind links in one directory.
//!
//! Owns: the pseudo-terminals. Talks to: nobody; who opens the links hears the devices. Fails when: the system has no
//! pseudo-terminals left, or the directory cannot be written to.

use std::path::PathBuf;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};
use kernel::{ChildEnv, ChildSpec, answers_ping};

use crate::power::{DeviceKind, Faults, Knobs, Line, Plant};

/// The devices: the name of the link, and what is behind it.
const DEVICES: [(&str, DeviceKind); 4] = [
    ("inverter", DeviceKind::Pi30),
    ("battery-a", DeviceKind::JkNw),
    ("battery-b", DeviceKind::Daly),
    ("charger", DeviceKind::VeDirect),
];
/// Where the demo begins: mid-morning, with a battery that still takes something.
const HOUR: f64 = 9.5;
const CHARGE: f64 = 0.62;
/// A minute of the plant goes by in one second.
const SPEED: f64 = 60.0;

/// Where the links are.
#[derive(Clone, Debug)]
pub struct PowerPlantSettings {
    /// The directory of the links.
    pub directory: PathBuf,
    /// The same seed gives the same faults.
    pub seed: u64,
}

/// The child `power-plant`.
#[must_use]
pub fn power_plant(settings: PowerPlantSettings) -> ChildSpec<PowerPlantActor> {
    ChildSpec::new("power-plant", move |env| {
        Ok(PowerPlantActor {
            env,
            settings: settings.clone(),
        })
    })
}

/// A plant without a roof.
pub struct PowerPlantActor {
    env: ChildEnv,
    settings: PowerPlantSettings,
}

answers_ping!(PowerPlantActor);

impl Actor for PowerPlantActor {
    type Context = Context<PowerPlantActor>;

    fn started(&mut self, ctx: &mut Context<PowerPlantActor>) {
        for (name, kind) in DEVICES {
            let line = Line::plug_in(&self.settings.directory.join(name));
            let knobs = Knobs::default();
            knobs.set(Faults {
                corrupt_percent: 1,
                speed: SPEED,
                ..Faults::default()
            });
            let seed = self.settings.seed;
            let serving = async move { line?.serve(kind, Plant::new(HOUR, CHARGE), knobs, seed).await };
            ctx.spawn(serving.into_actor(self).map(|ended, actor, ctx| {
                actor
                    .env
                    .fail(ended.map_or_else(|error| error.to_string(), |()| "a device ended".to_owned()));
                ctx.stop();
            }));
        }
    }
}
