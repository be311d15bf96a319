//! What the log says: one event a transition, and nothing else for a panic.

use std::fmt::Debug;
use std::sync::Mutex;

use kernel::{ChildSpec, SupervisorSpec};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::kit::{DEADLINE, Fault, Gate, Place, Script, Trip, Victim, node, run, until};

/// This test's child; other tests of the same process log as well.
const CHILD: &str = "logged-child";

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps the events about [`CHILD`], fields in order.
struct Keeper;

#[derive(Default)]
struct Line(Vec<(&'static str, String)>);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

impl Subscriber for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let of = |name: &str| {
            line.0
                .iter()
                .find(|(field, _)| *field == name)
                .map(|(_, value)| value.clone())
        };
        if of("child").as_deref() == Some(CHILD) {
            let (level, message) = (event.metadata().level(), of("message").unwrap_or_default());
            let incarnation = of("incarnation").unwrap_or_default();
            let rest = of("reason").or(of("after_ms").map(|_| "after_ms".to_owned()));
            let line = format!("{level} {message} {incarnation} {}", rest.unwrap_or_default());
            LINES.lock().unwrap().push(line);
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn panic_of_a_child_is_one_event_with_reason_and_place() {
    tracing::subscriber::set_global_default(Keeper).unwrap();
    run(async {
        let script = Script {
            fault: Fault::Panic,
            place: Place::Handler,
            release: Gate::default(),
        };
        let spec = ChildSpec::new(CHILD, move |env| Victim::make(env, Some(script.clone())));
        let child = spec.child_ref();
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        supervision.booted().await.unwrap();
        child.try_tell(Trip).unwrap();
        until(&supervision, |_| {
            let child = node(&supervision, CHILD);
            (child.incarnation, child.state) == (2, "running")
        })
        .await;
        supervision.shutdown(DEADLINE).await;
    });
    let lines = LINES.lock().unwrap();
    let [up, panicked, again, end] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert_eq!(up, "INFO up 1 after_ms");
    assert!(panicked.starts_with("WARN exited 1 panicked: boom at "), "{panicked}");
    assert!(panicked.contains("tests/it/kit.rs:"), "{panicked}");
    assert_eq!(again, "INFO up 2 after_ms");
    assert_eq!(end, "INFO exited 2 shutdown");
}
