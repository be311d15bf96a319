//! What can be done in the outside world: every verb of the gate, registered in one place.

mod actor;
#[cfg(feature = "chaos")]
mod count;

use std::sync::Arc;

use gate::{Claimed, Effects};
use kernel::Supervision;
use tokio::sync::SetOnce;

pub(crate) use actor::{Request, SELF};

/// All effects of the station.
///
/// # Errors
/// When two want the same verb.
pub(crate) fn all(supervision: &Arc<SetOnce<Supervision>>) -> Result<Effects, Claimed> {
    let effects = Effects::default().with(actor::Actors::new(supervision))?;
    #[cfg(feature = "chaos")]
    let effects = effects.with(count::Count)?;
    Ok(effects)
}
