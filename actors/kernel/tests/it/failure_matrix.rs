//! The failure matrix: every way to fail, at every place, under every strategy, in one group and through two levels.
//!
//! Three siblings x, y, z live on threads of their own. In one group, y follows a script that makes its first
//! incarnation fail. Through two levels, y is a group that tolerates no restart, with the scripted child inside: the
//! failure escalates. Each test asserts the exit reason, the incarnations, and the order of the siblings.

use std::time::Duration;

use kernel::{Child, ChildEnv, ChildRef, ChildSpec, Intensity, Placement, Strategy, Supervision, SupervisorSpec};

use crate::kit::{Fault, Gate, Place, Record, Script, Trip, Victim, exits, node, path, quick_hang, run};

/// One cell of the matrix.
#[derive(Clone, Copy, Debug)]
struct Case {
    fault: Fault,
    place: Place,
    strategy: Strategy,
}

/// What y and z were doing when y failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// All were up.
    Running,
    /// An operator restarted y.
    Asked,
    /// y was starting, z waited for it.
    Boot,
    /// y had just come up, z was starting.
    BootOfTheNext,
}

impl Case {
    fn moment(self) -> Moment {
        match (self.place, self.fault) {
            // `started` returns before the loss of the thread is noticed.
            (Place::Started, Fault::ThreadLoss) => Moment::BootOfTheNext,
            (Place::Factory | Place::Started, _) => Moment::Boot,
            (Place::Handler | Place::SpawnedFuture, _) => Moment::Running,
            (Place::Stopped, _) => Moment::Asked,
        }
    }

    fn exit_word(self) -> &'static str {
        match self.fault {
            Fault::Panic | Fault::DoublePanic | Fault::PanickingStart => "panicked",
            Fault::Error => "failed",
            Fault::Hang => "hung",
            // Its last hook has run: it is gone before its thread is.
            Fault::ThreadLoss if self.place == Place::Stopped => "shutdown",
            Fault::ThreadLoss => "arbiter_lost",
            Fault::FailingStart => "start_failed",
        }
    }
}

/// What follows, from the first that goes down to the last that comes up.
fn course(strategy: Strategy, moment: Moment) -> Vec<&'static str> {
    use Strategy::{OneForAll, OneForOne, RestForOne};
    let course = match (strategy, moment) {
        (OneForOne, Moment::Running | Moment::BootOfTheNext) => "y1 exited, y2 starting, y2 up",
        (OneForOne, Moment::Asked) => "y1 stopping, y1 exited, y2 starting, y2 up",
        (OneForOne | RestForOne, Moment::Boot) => "y1 exited, y2 starting, y2 up, z1 starting, z1 up",
        (OneForAll, Moment::Boot) => {
            "y1 exited, x1 stopping, x1 exited, x2 starting, x2 up, y2 starting, y2 up, z1 starting, z1 up"
        }
        (OneForAll, Moment::Running | Moment::BootOfTheNext) => {
            "y1 exited, z1 stopping, z1 exited, x1 stopping, x1 exited, \
             x2 starting, x2 up, y2 starting, y2 up, z2 starting, z2 up"
        }
        (OneForAll, Moment::Asked) => {
            "z1 stopping, z1 exited, y1 stopping, y1 exited, x1 stopping, x1 exited, \
             x2 starting, x2 up, y2 starting, y2 up, z2 starting, z2 up"
        }
        (RestForOne, Moment::Running | Moment::BootOfTheNext) => {
            "y1 exited, z1 stopping, z1 exited, y2 starting, y2 up, z2 starting, z2 up"
        }
        (RestForOne, Moment::Asked) => {
            "z1 stopping, z1 exited, y1 stopping, y1 exited, y2 starting, y2 up, z2 starting, z2 up"
        }
    };
    course.split(", ").collect()
}

/// The gates of a running case.
#[derive(Clone, Default)]
struct Gates {
    /// Opened once the record is being kept.
    begin: Gate,
    /// Keeps the sibling after the scripted child from coming up before a fault in the boot is noticed.
    after_fault: Gate,
    /// Ends a hang.
    release: Gate,
}

/// A sibling whose first incarnation waits for a gate.
fn sibling(id: &str, gate: Option<&Gate>) -> Child {
    let gate = gate.cloned();
    let make = move |env: ChildEnv| {
        gate.iter().filter(|_| env.incarnation() == 1).for_each(Gate::wait);
        Victim::make(env, None)
    };
    // Its wait is the test's, not a hang.
    ChildSpec::new(id, make)
        .placement(Placement::Dedicated)
        .hang(None)
        .into()
}

fn scripted(id: &str, case: Case, gates: &Gates) -> (Child, ChildRef<Victim>) {
    let script = Script {
        fault: case.fault,
        place: case.place,
        release: gates.release.clone(),
    };
    let spec = ChildSpec::new(id, move |env| Victim::make(env, Some(script.clone())))
        .placement(Placement::Dedicated)
        // On a busy machine any poll may take long: only where a hang is awaited is there a limit.
        .hang((case.fault == Fault::Hang).then(quick_hang));
    let victim = spec.child_ref();
    (spec.into(), victim)
}

/// A launched case.
struct Scene {
    case: Case,
    gates: Gates,
    victim: ChildRef<Victim>,
    /// Where the victim sits.
    at: &'static str,
    supervision: Supervision,
    record: Record,
}

impl Scene {
    fn begin(case: Case, gates: Gates, victim: ChildRef<Victim>, at: &'static str, root: SupervisorSpec) -> Scene {
        let supervision = kernel::launch(root).unwrap();
        let record = Record::of(&supervision);
        gates.begin.open();
        Scene {
            case,
            gates,
            victim,
            at,
            supervision,
            record,
        }
    }

    /// Has the fault happen.
    async fn strike(&mut self) {
        let id = path(self.at).segments().last().cloned().unwrap();
        match self.case.moment() {
            Moment::Boot | Moment::BootOfTheNext => {
                self.record.until(&format!("{id}1 exited")).await;
                self.gates.after_fault.open();
                return;
            }
            Moment::Running | Moment::Asked => self.gates.after_fault.open(),
        }
        self.supervision.booted().await.unwrap();
        self.record.until("z1 up").await;
        if self.case.moment() == Moment::Asked {
            self.supervision.restart(&path(self.at)).await.unwrap();
        } else {
            self.victim.try_tell(Trip).unwrap();
        }
    }

    /// Waits for the end of the course and compares.
    async fn assert_course(&mut self, moment: Moment) {
        let course = course(self.case.strategy, moment);
        self.record.until(course.last().unwrap()).await;
        let ids: &[&str] = match (self.case.strategy, moment) {
            // z is coming up meanwhile, untouched.
            (Strategy::OneForOne, Moment::BootOfTheNext) => &["y"],
            _ => &["x", "y", "z"],
        };
        let lines = self.record.about(ids);
        let goes_down = |line: &&str| line.ends_with("stopping") || line.ends_with("exited");
        let first = lines.iter().position(goes_down).unwrap();
        assert_eq!(lines[first..], course, "{:?}", self.case);
    }

    fn assert_exit(&self) {
        let exits = exits(&self.supervision, self.at);
        let exit = &exits[0];
        let word = self.case.exit_word();
        assert_eq!((exit.incarnation, exit.exit.reason), (1, word), "{exits:?}");
        if word == "panicked" {
            assert_eq!(exit.exit.message.as_deref(), Some("boom"));
            let location = exit.exit.location.as_deref().unwrap();
            assert!(location.contains("tests/it/kit.rs:"), "{location}");
        }
        let now = node(&self.supervision, self.at);
        assert_eq!((now.incarnation, now.state), (2, "running"));
    }

    async fn end(self) {
        self.gates.release.open();
        let report = self.supervision.shutdown(Duration::from_secs(5)).await;
        assert_eq!(report.stragglers, []);
    }
}

fn in_one_group(fault: Fault, place: Place, strategy: Strategy) {
    let case = Case { fault, place, strategy };
    let gates = Gates::default();
    let (y, victim) = scripted("y", case, &gates);
    let root = SupervisorSpec::new("root").strategy(strategy).children([
        sibling("x", Some(&gates.begin)),
        y,
        sibling("z", Some(&gates.after_fault)),
    ]);
    run(async {
        let mut scene = Scene::begin(case, gates, victim, "y", root);
        scene.strike().await;
        scene.assert_course(case.moment()).await;
        scene.assert_exit();
        scene.end().await;
    });
}

fn through_two_levels(fault: Fault, place: Place, strategy: Strategy) {
    let case = Case { fault, place, strategy };
    let gates = Gates::default();
    let (b, victim) = scripted("b", case, &gates);
    let unforgiving = Intensity {
        max_restarts: 0,
        period: Duration::from_secs(1),
    };
    let group = SupervisorSpec::new("y").intensity(unforgiving).children([
        sibling("a", None),
        b,
        sibling("c", Some(&gates.after_fault)),
    ]);
    let root = SupervisorSpec::new("root").strategy(strategy).children([
        sibling("x", Some(&gates.begin)),
        group.into(),
        sibling("z", None),
    ]);
    run(async {
        let mut scene = Scene::begin(case, gates, victim, "y/b", root);
        scene.strike().await;
        match case.moment() {
            Moment::Running => assert_escalated(&mut scene, Moment::Running).await,
            // The group is up once its last child is: its boot failed.
            Moment::Boot | Moment::BootOfTheNext => assert_escalated(&mut scene, Moment::Boot).await,
            Moment::Asked => assert_stayed_inside(&scene),
        }
        scene.assert_exit();
        scene.end().await;
    });
}

/// The group tolerates no failure: it gave up, and its parent repaired it.
async fn assert_escalated(scene: &mut Scene, moment: Moment) {
    scene.assert_course(moment).await;
    let exit = exits(&scene.supervision, "y").remove(0).exit;
    let cause = exit.message.unwrap();
    assert_eq!(exit.reason, "gave_up");
    assert!(cause.starts_with(&format!("b: {}", scene.case.exit_word())), "{cause}");
}

/// An end that was asked for is no failure: nothing escalates, and the group's own strategy (one_for_one) holds.
fn assert_stayed_inside(scene: &Scene) {
    let lines = scene.record.about(&["x", "y", "z"]);
    assert!(lines.iter().all(|line| !line.ends_with("exited")), "{lines:?}");
    for sibling in ["y/a", "y/c"] {
        assert_eq!(node(&scene.supervision, sibling).incarnation, 1);
    }
}

macro_rules! matrix {
    ($($row:ident: $fault:ident at $place:ident;)*) => {$(
        mod $row {
            use super::*;

            #[test]
            fn under_one_for_one_restarts_only_the_child() {
                in_one_group(Fault::$fault, Place::$place, Strategy::OneForOne);
            }

            #[test]
            fn under_one_for_all_restarts_all_siblings() {
                in_one_group(Fault::$fault, Place::$place, Strategy::OneForAll);
            }

            #[test]
            fn under_rest_for_one_restarts_the_child_and_later_siblings() {
                in_one_group(Fault::$fault, Place::$place, Strategy::RestForOne);
            }

            #[test]
            fn through_two_levels_under_one_for_one_is_repaired_at_the_right_level() {
                through_two_levels(Fault::$fault, Place::$place, Strategy::OneForOne);
            }

            #[test]
            fn through_two_levels_under_one_for_all_is_repaired_at_the_right_level() {
                through_two_levels(Fault::$fault, Place::$place, Strategy::OneForAll);
            }

            #[test]
            fn through_two_levels_under_rest_for_one_is_repaired_at_the_right_level() {
                through_two_levels(Fault::$fault, Place::$place, Strategy::RestForOne);
            }
        }
    )*};
}

matrix! {
    panic_in_started: Panic at Started;
    panic_in_handler: Panic at Handler;
    panic_in_spawned_future: Panic at SpawnedFuture;
    panic_in_stopped: Panic at Stopped;
    error_in_started: Error at Started;
    error_in_handler: Error at Handler;
    error_in_spawned_future: Error at SpawnedFuture;
    error_in_stopped: Error at Stopped;
    hang_in_started: Hang at Started;
    hang_in_handler: Hang at Handler;
    hang_in_spawned_future: Hang at SpawnedFuture;
    hang_in_stopped: Hang at Stopped;
    thread_loss_in_started: ThreadLoss at Started;
    thread_loss_in_handler: ThreadLoss at Handler;
    thread_loss_in_spawned_future: ThreadLoss at SpawnedFuture;
    thread_loss_in_stopped: ThreadLoss at Stopped;
    double_panic_in_started: DoublePanic at Started;
    double_panic_in_handler: DoublePanic at Handler;
    double_panic_in_spawned_future: DoublePanic at SpawnedFuture;
    double_panic_in_stopped: DoublePanic at Stopped;
    failing_start: FailingStart at Factory;
    panicking_start: PanickingStart at Factory;
}
