//! Where a panic happened: only a panic hook is told, so ours leaves the place in a thread local.
//!
//! Inside a supervised poll the hook stays silent: the supervisor writes one event for the exit. Everywhere else the
//! hook that was there before goes on as ever.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::exit::{ExitReason, brief};

thread_local! {
    static SUPERVISED: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Puts our hook before the one that is there. Once a process.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !SUPERVISED.get() {
                return previous(info);
            }
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
            PLACE.with(|note| *note.borrow_mut() = place.unwrap_or_default());
        }));
    });
}

/// Runs a piece of a child; a panic of it becomes the reason for its exit.
pub(crate) fn contained<T>(piece: impl FnOnce() -> T) -> Result<T, ExitReason> {
    let outer = SUPERVISED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(piece)).map_err(reason);
    SUPERVISED.set(outer);
    result
}

fn reason(payload: Box<dyn Any + Send>) -> ExitReason {
    let location = PLACE.take();
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = text.or_else(|| payload.downcast_ref::<String>().cloned());
    let message = brief(message.unwrap_or_else(|| "a payload that is no text".to_owned()));
    // A payload whose drop panics must not take the thread with it.
    if catch_unwind(AssertUnwindSafe(move || drop(payload))).is_err() {
        tracing::debug!("the payload of a panic panicked when dropped");
    }
    ExitReason::Panicked { message, location }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contained_panic_becomes_a_reason_with_its_place() {
        install_hook();
        let reason = contained(|| panic!("{} is broken", "it")).unwrap_err();
        let ExitReason::Panicked { message, location } = reason else {
            panic!("{reason}")
        };
        assert_eq!(message, "it is broken");
        assert!(location.contains("panics.rs:"), "{location}");
    }

    #[test]
    fn contained_panic_with_a_payload_that_panics_when_dropped_does_no_harm() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("the payload");
            }
        }
        install_hook();
        let reason = contained(|| std::panic::panic_any(Bomb)).unwrap_err();
        assert_eq!(reason.message().as_deref(), Some("a payload that is no text"));
    }
}
