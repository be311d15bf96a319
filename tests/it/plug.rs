//! Simulated power devices on pseudo-terminals, and their sections in the configuration.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sim::power::{DeviceKind, Faults, Knobs, Line, Plant};
use tokio::sync::oneshot;

use crate::harness::{LIMIT, Stage};

/// A device that is plugged in; dropping it pulls the plug.
pub(crate) struct Plug {
    pub(crate) knobs: Knobs,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Plug {
    pub(crate) fn in_at(link: &Path, kind: DeviceKind, faults: Faults) -> Plug {
        let knobs = Knobs::default();
        knobs.set(faults);
        let (stop, stopped) = oneshot::channel::<()>();
        let line = Line::plug_in(link).expect("a pseudo-terminal");
        let shared = knobs.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                tokio::select! {
                    ended = line.serve(kind, Plant::new(12.0, 0.5), shared, 7) => ended.expect("the line holds"),
                    _ = stopped => {}
                }
            });
        });
        Plug {
            knobs,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Waits until the question was heard so often, and says when.
    #[allow(dead_code, reason = "the bench waits for no question")]
    pub(crate) fn wait_heard(&self, question: &[u8], count: u32) -> Instant {
        let deadline = Instant::now() + LIMIT;
        while self.knobs.heard(question) < count {
            assert!(
                Instant::now() < deadline,
                "heard only {} times",
                self.knobs.heard(question)
            );
            thread::park_timeout(Duration::from_millis(2));
        }
        Instant::now()
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            let _told = stop.send(()).is_ok();
            thread.join().expect("the device ends");
        }
    }
}

pub(crate) fn configure(stage: &Stage, name: &str, protocol: &str, poll_s: f64) {
    let port = stage.path(name);
    configure_at(stage, name, protocol, poll_s, &port.display().to_string());
}

#[allow(dead_code, reason = "some have ports of their own, some lines of more")]
pub(crate) fn configure_at(stage: &Stage, name: &str, protocol: &str, poll_s: f64, port: &str) {
    append(
        stage,
        &format!("[power.{name}]\nprotocol = {protocol:?}\nport = {port:?}\npoll_s = {poll_s:?}"),
    );
}

/// Adds a line to the last section.
pub(crate) fn append(stage: &Stage, line: &str) {
    let config = OpenOptions::new().append(true).open(stage.config());
    writeln!(config.expect("a configuration"), "{line}").expect("written");
}
