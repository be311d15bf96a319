//! What the process manager is told, where there is one (`NOTIFY_SOCKET`): ready, alive, stopping.
//!
//! **Invariant:** the watchdog is fed only while the station is not down; a wedged tree is restarted from outside.

use std::time::Duration;

use sd_notify::NotifyState;

/// Pause between looks at the station when no watchdog is asked for.
const CALM: Duration = Duration::from_secs(5);

/// Everything that must be up, is.
pub(crate) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// An ordered shutdown has begun.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// The station is alive.
pub(crate) fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How often [`alive`] is due: twice within the limit of the process manager.
pub(crate) fn alive_every() -> Duration {
    sd_notify::watchdog_enabled().map_or(CALM, |limit| limit / 2)
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "process manager not told");
    }
}
