//! What can be done in the outside world: every verb of the gate, registered in one place.

mod actor;
mod configuration;
#[cfg(feature = "chaos")]
mod count;
mod key;
mod power;

use std::sync::Arc;

use ::power::Power;
use gate::{Claimed, Effects};
use kernel::Supervision;
use tokio::sync::SetOnce;

pub(crate) use self::power::verb_of;
pub(crate) use actor::{Request, SELF};
pub(crate) use key::revocation;

use crate::access::Access;
use crate::live::Live;

/// All effects of the station.
///
/// # Errors
/// When two want the same verb.
pub(crate) fn all(
    supervision: &Arc<SetOnce<Supervision>>,
    live: &Live,
    access: &Access,
    power: &Power,
) -> Result<Effects, Claimed> {
    let effects = Effects::default()
        .with(actor::Actors::new(supervision))?
        .with(configuration::Configuration::new(live))?
        .with(key::Keys::new(access))?
        .with(self::power::Devices::new(power))?;
    #[cfg(feature = "chaos")]
    let effects = effects.with(count::Count)?;
    Ok(effects)
}
