//! Open files: each connection takes one, and a shell or a login session allows a process no more than 1024.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that the service needs beside its sessions: requests under way, the journal, logs.
const BESIDE_SESSIONS: u64 = 2048;

/// Raises the number of files that this process may have open to what the system lets it, and says so if that is too few.
pub(crate) fn raise_limit(max_sessions: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let allowed = if raise(current, maximum) { maximum } else { current };
    let wanted = BESIDE_SESSIONS + u64::try_from(max_sessions).unwrap_or(u64::MAX / 2);
    // None is no limit at all.
    if let Some(allowed) = allowed.filter(|allowed| *allowed < wanted) {
        tracing::warn!(allowed, wanted, "fewer open files than clients.max_sessions needs");
    }
}

/// A service manager that has set both to the same may also forbid the call.
fn raise(current: Option<u64>, maximum: Option<u64>) -> bool {
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    current == maximum || setrlimit(Resource::Nofile, raised).is_ok()
}
