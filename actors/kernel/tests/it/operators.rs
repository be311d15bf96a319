//! The tree as operators see and move it: requests, boot, shutdown, health, the documents of the API.

use std::time::Duration;

use actix::prelude::*;
use kernel::{
    Backoff, Change, ChildEnv, ChildSpec, ExitReason, Health, Heard, Intensity, LaunchError, OnExhausted,
    OperatorError, OperatorOutcome, Outcome, Placement, StartError, Strategy, SupervisorSpec,
};

use crate::kit::{Fault, Gate, Place, Record, Script, Trip, Victim, exits, node, path, run, until};

const LIMIT: Duration = Duration::from_secs(5);

fn calm(id: &str) -> ChildSpec<Victim> {
    ChildSpec::new(id, |env| Victim::make(env, None))
}

/// Fails whenever it is tripped, in every incarnation.
struct Frail(ChildEnv);

impl Actor for Frail {
    type Context = Context<Self>;
}

impl Handler<Trip> for Frail {
    type Result = ();

    fn handle(&mut self, _: Trip, ctx: &mut Self::Context) {
        self.0.fail("tripped");
        ctx.stop();
    }
}

kernel::answers_ping!(Frail);

fn frail(id: &str) -> ChildSpec<Frail> {
    ChildSpec::new(id, |env| Ok(Frail(env)))
}

fn up(incarnation: u64) -> Result<OperatorOutcome, OperatorError> {
    Ok(OperatorOutcome::Up { incarnation })
}

#[test]
fn operator_restart_of_a_child_answers_when_it_is_up_again() {
    run(async {
        let group = SupervisorSpec::new("group")
            .strategy(Strategy::RestForOne)
            .child(calm("a"))
            .child(calm("b"))
            .child(calm("c"));
        let supervision = kernel::launch(SupervisorSpec::new("root").child(group)).unwrap();
        supervision.booted().await.unwrap();
        assert_eq!(supervision.restart(&path("group/b")).await, up(2));
        until(&supervision, |_| node(&supervision, "group/c").incarnation == 2).await;
        assert_eq!(node(&supervision, "group/a").incarnation, 1);
    });
}

#[test]
fn operator_restart_of_a_supervisor_restarts_its_children_with_numbers_that_go_on() {
    run(async {
        let spec = calm("a");
        let handle = spec.child_ref();
        let group = SupervisorSpec::new("group").child(spec);
        let supervision = kernel::launch(SupervisorSpec::new("root").child(group)).unwrap();
        supervision.booted().await.unwrap();
        assert_eq!(supervision.restart(&path("group")).await, up(2));
        assert_eq!(handle.incarnation(), Some(2));
        assert_eq!(supervision.restart(&path("group/a")).await, up(3));
    });
}

#[test]
fn operator_stop_holds_the_child_down_and_start_brings_it_back() {
    run(async {
        let spec = calm("a");
        let handle = spec.child_ref();
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        supervision.booted().await.unwrap();
        assert_eq!(supervision.stop(&path("a")).await, Ok(OperatorOutcome::Down));
        let held = node(&supervision, "a");
        assert_eq!((held.state, held.goal, handle.incarnation()), ("held", "down", None));
        assert!(matches!(supervision.health(), Health::Degraded { .. }));
        assert_eq!(supervision.start(&path("a")).await, up(2));
        assert_eq!(supervision.health(), Health::Up);
    });
}

#[test]
fn operator_request_for_an_unknown_child_is_refused() {
    run(async {
        let supervision = kernel::launch(SupervisorSpec::new("root").child(calm("a"))).unwrap();
        for unknown in ["b", "a/b", "root"] {
            let refused = supervision.restart(&path(unknown)).await;
            assert_eq!(refused, Err(OperatorError::Unknown(path(unknown))));
        }
    });
}

#[test]
fn operator_request_below_a_held_supervisor_is_unavailable() {
    run(async {
        let group = SupervisorSpec::new("group").child(calm("a"));
        let supervision = kernel::launch(SupervisorSpec::new("root").child(group)).unwrap();
        supervision.booted().await.unwrap();
        supervision.stop(&path("group")).await.unwrap();
        let refused = supervision.start(&path("group/a")).await;
        assert_eq!(refused, Err(OperatorError::Unavailable(path("group/a"))));
    });
}

#[test]
fn shutdown_goes_in_reverse_order_through_the_levels() {
    run(async {
        let group = SupervisorSpec::new("group").child(calm("b")).child(calm("c"));
        let root = SupervisorSpec::new("root")
            .child(calm("a"))
            .child(group)
            .child(calm("d"));
        let supervision = kernel::launch(root).unwrap();
        supervision.booted().await.unwrap();
        let mut record = Record::of(&supervision);
        let report = supervision.shutdown(LIMIT).await;
        assert_eq!(report.stragglers, []);
        assert_eq!(supervision.finished().await, Outcome::Terminated);
        record.until("a1 exited").await;
        let exited = record.about(&["a", "b", "c", "d", "group"]);
        let exited: Vec<&str> = exited.into_iter().filter(|line| line.ends_with("exited")).collect();
        assert_eq!(
            exited,
            ["d1 exited", "c1 exited", "b1 exited", "group1 exited", "a1 exited"]
        );
    });
}

#[test]
fn shutdown_that_takes_too_long_names_the_stragglers() {
    run(async {
        let script = Script {
            fault: Fault::Hang,
            place: Place::Stopped,
            release: Gate::default(),
        };
        let release = script.release.clone();
        let spec = ChildSpec::new("slow", move |env| Victim::make(env, Some(script.clone())));
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        supervision.booted().await.unwrap();
        let report = supervision.shutdown(Duration::from_millis(50)).await;
        assert_eq!(report.stragglers, [path("slow")]);
        release.open();
        assert_eq!(supervision.finished().await, Outcome::Terminated);
    });
}

#[test]
fn root_that_gives_up_at_boot_says_why() {
    run(async {
        let make = |_| Err::<Victim, _>(StartError::Failed("no port".into()));
        let never = Intensity {
            max_restarts: 0,
            period: LIMIT,
        };
        let root = SupervisorSpec::new("root")
            .intensity(never)
            .child(ChildSpec::new("radio", make));
        let supervision = kernel::launch(root).unwrap();
        let gave_up = ExitReason::GaveUp {
            child: "radio".into(),
            cause: "start_failed: no port".into(),
        };
        assert_eq!(supervision.booted().await, Err(gave_up.clone()));
        assert_eq!(supervision.finished().await, Outcome::GaveUp(gave_up));
        let cause = "gave_up: radio: start_failed: no port".to_owned();
        assert_eq!(supervision.health(), Health::Down { cause });
    });
}

#[test]
fn disabled_child_is_shown_and_hurts_nobody() {
    run(async {
        let make = |_| Err::<Victim, _>(StartError::Disabled("no sound card".into()));
        let root = SupervisorSpec::new("root")
            .child(ChildSpec::new("mixer", make))
            .child(calm("a"));
        let supervision = kernel::launch(root).unwrap();
        supervision.booted().await.unwrap();
        let mixer = node(&supervision, "mixer");
        assert_eq!((mixer.state, mixer.incarnation), ("disabled", 1));
        assert_eq!(mixer.exits[0].exit.message.as_deref(), Some("no sound card"));
        assert_eq!(supervision.health(), Health::Up);
    });
}

#[test]
fn exhausted_child_that_suspends_degrades_health_and_leaves_the_rest_up() {
    run(async {
        let spec = frail("inverter").on_exhausted(OnExhausted::Suspend);
        let handle = spec.child_ref();
        let never = Intensity {
            max_restarts: 0,
            period: LIMIT,
        };
        let root = SupervisorSpec::new("root")
            .intensity(never)
            .child(calm("radio"))
            .child(spec);
        let supervision = kernel::launch(root).unwrap();
        supervision.booted().await.unwrap();
        handle.try_tell(Trip).unwrap();
        until(&supervision, |_| node(&supervision, "inverter").state == "suspended").await;
        let Health::Degraded { causes } = supervision.health() else {
            panic!("degraded")
        };
        assert_eq!(causes[0].path, path("inverter"));
        assert_eq!(causes[0].reason, "failed too often, suspended after failed: tripped");
        assert_eq!(node(&supervision, "radio").state, "running");
        assert_eq!(supervision.start(&path("inverter")).await, up(2));
    });
}

#[test]
fn child_that_backs_off_is_shown_with_its_next_start_and_refuses_at_once() {
    run(async {
        let backoff = Backoff {
            min: Duration::from_secs(3600),
            max: Duration::from_secs(3600),
            ..Backoff::default()
        };
        let spec = frail("a").backoff(backoff);
        let handle = spec.child_ref();
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        for incarnation in 1..=2 {
            handle.wait_up(incarnation).await;
            handle.try_tell(Trip).unwrap();
        }
        until(&supervision, |_| node(&supervision, "a").state == "backing_off").await;
        assert!(node(&supervision, "a").next_start_in_ms.unwrap() > 2_000_000);
        assert!(handle.try_tell(Trip).is_err());
        assert_eq!(
            supervision.restart(&path("a")).await,
            up(3),
            "an operator need not wait for it"
        );
    });
}

#[test]
fn history_keeps_the_last_32_exits() {
    run(async {
        let supervision = kernel::launch(SupervisorSpec::new("root").child(calm("a"))).unwrap();
        supervision.booted().await.unwrap();
        for _ in 0..40 {
            supervision.restart(&path("a")).await.unwrap();
        }
        let incarnations: Vec<u64> = exits(&supervision, "a").iter().map(|exit| exit.incarnation).collect();
        assert_eq!(incarnations, (9..=40).collect::<Vec<u64>>());
    });
}

#[test]
fn realtime_placement_runs_under_fifo_or_degrades_health() {
    run(async {
        let (told, policy) = std::sync::mpsc::channel();
        let spec = ChildSpec::new("mixer", move |env| {
            // Field 41 of proc(5) stat is the scheduling policy; the name in field 2 has no blank here.
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            told.send(stat.split(' ').nth(40).unwrap().to_owned()).unwrap();
            Victim::make(env, None)
        });
        let spec = spec.placement(Placement::Realtime { priority: 10 });
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        supervision.booted().await.unwrap();
        let fifo = policy.recv().unwrap() == "1";
        assert_eq!(fifo, supervision.health() == Health::Up);
        let mixer = node(&supervision, "mixer");
        assert_eq!(mixer.degraded.is_some(), !fifo);
        assert_eq!(
            (mixer.placement.as_deref(), mixer.thread.as_deref()),
            (Some("realtime:10"), Some("mixer"))
        );
    });
}

#[test]
fn realtime_placement_that_the_system_refuses_degrades_health_and_runs() {
    run(async {
        // sched_setscheduler(2) refuses priority 0 under SCHED_FIFO, as it refuses any without the right to it.
        let spec = calm("mixer").placement(Placement::Realtime { priority: 0 });
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        supervision.booted().await.unwrap();
        let Health::Degraded { causes } = supervision.health() else {
            panic!("degraded")
        };
        assert_eq!(causes[0].path, path("mixer"));
        assert!(causes[0].reason.starts_with("no realtime priority: "), "{causes:?}");
        assert_eq!(node(&supervision, "mixer").state, "running");
    });
}

#[test]
fn launch_of_unusable_names_is_refused() {
    let twice = SupervisorSpec::new("root").child(calm("a")).child(calm("a"));
    assert!(matches!(kernel::launch(twice), Err(LaunchError::DuplicateId(_))));
    let deep = SupervisorSpec::new("root").child(SupervisorSpec::new("group").child(calm("a/b")));
    assert!(matches!(kernel::launch(deep), Err(LaunchError::BadId(_))));
}

#[test]
fn tree_as_json_names_its_units_and_the_place_of_a_panic() {
    run(async {
        let script = Script {
            fault: Fault::Panic,
            place: Place::Handler,
            release: Gate::default(),
        };
        let spec = ChildSpec::new("a", move |env| Victim::make(env, Some(script.clone())));
        let handle = spec.child_ref();
        let group = SupervisorSpec::new("group").strategy(Strategy::OneForAll).child(spec);
        let supervision = kernel::launch(SupervisorSpec::new("root").child(group)).unwrap();
        let mut changes = supervision.changes();
        handle.wait_up(1).await;
        handle.try_tell(Trip).unwrap();
        handle.wait_up(2).await;
        let tree = serde_json::to_value(supervision.tree()).unwrap();
        let group = &tree["children"][0];
        assert_eq!(
            (&group["path"], &group["strategy"]),
            (&"group".into(), &"one_for_all".into())
        );
        let a = &group["children"][0];
        assert_eq!(
            (&a["path"], &a["kind"], &a["goal"]),
            (&"group/a".into(), &"actor".into(), &"up".into())
        );
        assert_eq!((&a["placement"], &a["restarts"]), (&"shared:main".into(), &1.into()));
        assert_eq!(
            (&a["mailbox"]["capacity"], &a["mailbox"]["told"]),
            (&64.into(), &1.into())
        );
        let exit = &a["exits"][0];
        assert_eq!(
            (&exit["reason"], &exit["message"]),
            (&"panicked".into(), &"boom".into())
        );
        assert!(exit["location"].as_str().unwrap().contains("kit.rs:"));
        assert!(exit["at"].as_str().unwrap().ends_with('Z') && exit["lived_ms"].is_u64());
        let change = loop {
            if let Heard::Change(change) = changes.next().await
                && matches!(change.change, Change::Exited { .. })
            {
                break serde_json::to_value(change).unwrap();
            }
        };
        assert_eq!(
            (&change["change"], &change["path"]),
            (&"exited".into(), &"group/a".into())
        );
        assert_eq!(
            (&change["exit"]["reason"], &change["restart_in_ms"]),
            (&"panicked".into(), &0.into())
        );
    });
}
