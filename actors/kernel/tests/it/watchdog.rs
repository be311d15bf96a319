//! Hangs that are more than one child's affair: shared threads, stalled mailboxes, starts and stops that never end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::prelude::*;
use kernel::{
    Child, ChildEnv, ChildRef, ChildSpec, ExitReason, HangPolicy, Health, Intensity, OnExhausted, Outcome, Placement,
    Shutdown, Strategy, SupervisorSpec,
};

use crate::kit::{BUSY_LIMIT, DEADLINE, Gate, exits, node, path, quick_hang, quick_ping, run, until};

/// Blocks the thread until the second gate opens; the first says that it has begun.
#[derive(Message)]
#[rtype(result = "()")]
struct BlockThread(Gate, Gate);

/// The same, but says beforehand that it may take long.
#[derive(Message)]
#[rtype(result = "()")]
struct WaitForDisk(Gate, Gate);

/// Blocks only the mailbox, for ever.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct BlockMailbox;

struct Sleeper {
    env: ChildEnv,
    woken_revoked: Arc<AtomicUsize>,
}

impl Actor for Sleeper {
    type Context = Context<Self>;
}

impl Handler<BlockThread> for Sleeper {
    type Result = ();

    fn handle(&mut self, BlockThread(entered, leave): BlockThread, _: &mut Self::Context) {
        entered.open();
        leave.wait();
        let revoked = self.env.is_revoked();
        self.woken_revoked.fetch_add(usize::from(revoked), Ordering::SeqCst);
    }
}

impl Handler<WaitForDisk> for Sleeper {
    type Result = ();

    fn handle(&mut self, WaitForDisk(entered, leave): WaitForDisk, _: &mut Self::Context) {
        entered.open();
        self.env.may_take(DEADLINE, || leave.wait());
    }
}

impl Handler<BlockMailbox> for Sleeper {
    type Result = ();

    fn handle(&mut self, BlockMailbox: BlockMailbox, ctx: &mut Self::Context) {
        ctx.wait(std::future::pending::<()>().into_actor(self));
    }
}

kernel::answers_ping!(Sleeper);

fn sleeper(id: &str, woken_revoked: &Arc<AtomicUsize>) -> ChildSpec<Sleeper> {
    let woken_revoked = Arc::clone(woken_revoked);
    let make = move |env| {
        Ok(Sleeper {
            env,
            woken_revoked: Arc::clone(&woken_revoked),
        })
    };
    // On a busy machine any poll may take long: only where a hang is awaited is there a limit.
    ChildSpec::new(id, make).hang(None)
}

/// Returns once the victim's thread is blocked.
fn block(victim: &ChildRef<Sleeper>, gate: &Gate) {
    let entered = Gate::default();
    let told = victim.try_tell(BlockThread(entered.clone(), gate.clone()));
    assert!(told.is_ok(), "the victim is up");
    entered.wait();
}

#[test]
fn hang_on_a_shared_thread_names_the_culprit_and_does_not_count_its_mates() {
    run(async {
        let (gate, woken) = (Gate::default(), Arc::default());
        let culprit = sleeper("culprit", &woken).hang(Some(quick_hang()));
        let victim = culprit.child_ref();
        let once = Intensity {
            max_restarts: 1,
            period: Duration::from_secs(60),
        };
        let other = SupervisorSpec::new("other")
            .intensity(once)
            .child(sleeper("far-mate", &woken));
        let root = SupervisorSpec::new("root")
            .intensity(once)
            .child(sleeper("mate", &woken))
            .child(culprit)
            .child(other);
        let supervision = kernel::launch(root).unwrap();
        supervision.booted().await.unwrap();

        block(&victim, &gate);
        let back = |at: &str| node(&supervision, at).incarnation == 2 && node(&supervision, at).state == "running";
        until(&supervision, |_| {
            back("mate") && back("culprit") && back("other/far-mate")
        })
        .await;
        assert_eq!(exits(&supervision, "culprit")[0].exit.reason, "hung");
        for mate in ["mate", "other/far-mate"] {
            let exit = &exits(&supervision, mate)[0].exit;
            assert_eq!(
                (exit.reason, exit.message.as_deref()),
                ("collateral", Some("thread lost by culprit"))
            );
        }
        assert_eq!(
            node(&supervision, "other").incarnation,
            1,
            "the other group did not give up"
        );
        let Health::Degraded { causes } = supervision.health() else {
            panic!("an abandoned thread degrades")
        };
        assert_eq!(causes[0].reason, "1 hung threads abandoned and not yet gone");

        gate.open();
        until(&supervision, |_| supervision.health() == Health::Up).await;
        assert_eq!(woken.load(Ordering::SeqCst), 1, "it woke and saw that it was revoked");
        assert_eq!(
            node(&supervision, "culprit").incarnation,
            2,
            "its late end changed nothing"
        );
    });
}

#[test]
fn child_that_said_it_may_take_long_is_not_taken_for_a_hung_one() {
    run(async {
        let woken = Arc::default();
        let strict = || {
            Some(HangPolicy {
                busy: BUSY_LIMIT,
                ..quick_ping()
            })
        };
        let patient = sleeper("patient", &woken)
            .hang(strict())
            .placement(Placement::Dedicated);
        let hung = sleeper("hung", &woken).hang(strict()).placement(Placement::Dedicated);
        let (writer, witness) = (patient.child_ref(), hung.child_ref());
        let supervision = kernel::launch(SupervisorSpec::new("root").child(patient).child(hung)).unwrap();
        supervision.booted().await.unwrap();

        let (entered, freed) = (Gate::default(), Gate::default());
        let told = writer.try_tell(WaitForDisk(entered.clone(), freed.clone()));
        assert!(told.is_ok(), "the writer is up");
        entered.wait();
        let gates = [Gate::default(), Gate::default()];
        for (incarnation, gate) in (1..).zip(&gates) {
            witness.wait_up(incarnation).await;
            block(&witness, gate);
        }
        witness.wait_up(3).await;
        freed.open();
        assert_eq!(writer.ask(kernel::Ping, DEADLINE).await, Ok(()));
        assert_eq!(node(&supervision, "patient").incarnation, 1);

        let gate = Gate::default();
        block(&writer, &gate);
        writer.wait_up(2).await;
        assert_eq!(exits(&supervision, "patient")[0].exit.reason, "hung");
        gates.iter().chain([&gate]).for_each(Gate::open);
    });
}

#[test]
fn stalled_mailbox_on_a_living_thread_is_found_by_the_ping() {
    run(async {
        let woken = Arc::default();
        let spec = sleeper("stalled", &woken).hang(Some(quick_ping()));
        let victim = spec.child_ref();
        let root = SupervisorSpec::new("root").child(spec).child(sleeper("mate", &woken));
        let supervision = kernel::launch(root).unwrap();
        supervision.booted().await.unwrap();

        victim.try_tell(BlockMailbox).unwrap();
        assert_eq!(victim.wait_up(2).await, 2);
        assert_eq!(exits(&supervision, "stalled")[0].exit.reason, "stalled");
        assert_eq!(node(&supervision, "mate").incarnation, 1, "the thread lives on");
        until(&supervision, |_| supervision.health() == Health::Up).await;
    });
}

#[test]
fn ping_answered_in_time_keeps_the_child_and_is_its_heartbeat() {
    run(async {
        let spec = sleeper("lively", &Arc::default()).hang(Some(quick_ping()));
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        supervision.booted().await.unwrap();
        until(&supervision, |_| {
            let lively = node(&supervision, "lively");
            let (up, heartbeat) = (lively.uptime_ms.unwrap(), lively.heartbeat_age_ms.unwrap());
            up > 500 && heartbeat + 200 < up
        })
        .await;
        assert_eq!(node(&supervision, "lively").incarnation, 1);
    });
}

#[test]
fn factory_that_blocks_is_abandoned_at_the_start_limit() {
    run(async {
        let gate = Gate::default();
        let blocked = gate.clone();
        let make = move |env: ChildEnv| {
            if env.incarnation() == 1 {
                blocked.wait();
            }
            Ok(Sleeper {
                env,
                woken_revoked: Arc::default(),
            })
        };
        let spec = ChildSpec::new("slow", make).hang(None).start_within(BUSY_LIMIT);
        let slow = spec.child_ref();
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        assert_eq!(slow.wait_up(1).await, 2);
        let exit = &exits(&supervision, "slow")[0].exit;
        assert_eq!(
            (exit.reason, exit.message.as_deref()),
            ("start_failed", Some("not up within 100 ms"))
        );
        gate.open();
    });
}

#[test]
fn child_that_blocks_its_stop_is_lost_and_the_shutdown_goes_on() {
    run(async {
        let (gate, woken) = (Gate::default(), Arc::default());
        let spec = sleeper("stubborn", &woken).shutdown(Shutdown::Within(BUSY_LIMIT));
        let victim = spec.child_ref();
        let root = SupervisorSpec::new("root").child(sleeper("mate", &woken)).child(spec);
        let supervision = kernel::launch(root).unwrap();
        supervision.booted().await.unwrap();
        block(&victim, &gate);
        let report = supervision.shutdown(Duration::from_secs(5)).await;
        assert_eq!(report.stragglers, []);
        assert_eq!(supervision.finished().await, Outcome::Terminated);
        assert_eq!(exits(&supervision, "stubborn")[0].exit.reason, "lost");
        assert_eq!(exits(&supervision, "mate")[0].exit.reason, "collateral");
        gate.open();
    });
}

#[test]
fn child_that_ignores_its_stop_is_killed_at_the_limit() {
    struct Clingy;
    impl Actor for Clingy {
        type Context = Context<Self>;

        fn stopping(&mut self, _: &mut Self::Context) -> Running {
            Running::Continue
        }
    }
    kernel::answers_ping!(Clingy);

    run(async {
        let spec = ChildSpec::new("clingy", |_| Ok(Clingy)).shutdown(Shutdown::Within(Duration::from_millis(50)));
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        supervision.booted().await.unwrap();
        supervision.shutdown(Duration::from_secs(5)).await;
        assert_eq!(exits(&supervision, "clingy")[0].exit.reason, "killed");
    });
}

#[test]
fn fourth_abandoned_thread_makes_the_root_give_up() {
    run(async {
        let (gate, woken) = (Gate::default(), Arc::default());
        let hang = HangPolicy {
            busy: Duration::from_millis(20),
            ping: None,
        };
        let specs: Vec<ChildSpec<Sleeper>> = (0..4)
            .map(|at| {
                sleeper(&format!("s{at}"), &woken)
                    .placement(Placement::Dedicated)
                    .hang(Some(hang))
            })
            .collect();
        let victims: Vec<ChildRef<Sleeper>> = specs.iter().map(ChildSpec::child_ref).collect();
        let root = SupervisorSpec::new("root").children(specs.into_iter().map(Child::from));
        let supervision = kernel::launch(root).unwrap();
        supervision.booted().await.unwrap();
        for victim in &victims {
            block(victim, &gate);
        }
        let Outcome::GaveUp(ExitReason::Fatal(why)) = supervision.finished().await else {
            panic!("gives up")
        };
        assert_eq!(why, "4 hung threads, 3 are tolerated");
        assert!(matches!(supervision.health(), Health::Down { .. }));
        gate.open();
    });
}

#[test]
fn lost_thread_counts_once_however_many_lived_on_it() {
    #[derive(Debug, Message)]
    #[rtype(result = "()")]
    struct LoseThread;
    impl Handler<LoseThread> for Sleeper {
        type Result = ();

        fn handle(&mut self, LoseThread: LoseThread, _: &mut Self::Context) {
            Arbiter::current().stop();
        }
    }

    run(async {
        let woken = Arc::default();
        let specs: Vec<ChildSpec<Sleeper>> = (0..3).map(|at| sleeper(&format!("s{at}"), &woken)).collect();
        let first = specs[0].child_ref();
        let once = Intensity {
            max_restarts: 1,
            period: Duration::from_secs(60),
        };
        let root = SupervisorSpec::new("root")
            .intensity(once)
            .children(specs.into_iter().map(Child::from));
        let supervision = kernel::launch(root).unwrap();
        supervision.booted().await.unwrap();
        first.try_tell(LoseThread).unwrap();
        until(&supervision, |tree| {
            tree.children
                .iter()
                .all(|child| child.incarnation == 2 && child.state == "running")
        })
        .await;
        let reasons = |at| exits(&supervision, at)[0].exit.reason;
        let mut reasons = ["s0", "s1", "s2"].map(reasons);
        reasons.sort_unstable();
        assert_eq!(reasons, ["arbiter_lost", "collateral", "collateral"]);
    });
}

#[test]
fn mates_of_a_hung_child_are_felled_by_the_strategy_of_their_own_group() {
    run(async {
        let (gate, woken) = (Gate::default(), Arc::default());
        let culprit = sleeper("culprit", &woken).hang(Some(quick_hang()));
        let victim = culprit.child_ref();
        let group = SupervisorSpec::new("group")
            .strategy(Strategy::RestForOne)
            .child(sleeper("mate", &woken))
            .child(
                sleeper("later", &woken)
                    .placement(Placement::Dedicated)
                    .on_exhausted(OnExhausted::Suspend),
            );
        let supervision = kernel::launch(SupervisorSpec::new("root").child(culprit).child(group)).unwrap();
        supervision.booted().await.unwrap();
        block(&victim, &gate);
        let later = path("group/later");
        until(&supervision, |tree| {
            tree.find(&later)
                .is_some_and(|later| later.incarnation == 2 && later.state == "running")
        })
        .await;
        assert_eq!(exits(&supervision, "group/later")[0].exit.reason, "shutdown");
        assert_eq!(node(&supervision, "group").incarnation, 1);
        gate.open();
    });
}

#[test]
fn hung_realtime_thread_loses_its_priority() {
    run(async {
        let gate = Gate::default();
        let held = gate.clone();
        let (told, thread) = std::sync::mpsc::channel();
        let make = move |env: ChildEnv| {
            if env.incarnation() == 1 {
                told.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
                held.wait();
            }
            Ok(Sleeper {
                env,
                woken_revoked: Arc::default(),
            })
        };
        let spec = ChildSpec::new("mixer", make).hang(Some(quick_hang()));
        let spec = spec.placement(Placement::Realtime { priority: 10 });
        let mixer = spec.child_ref();
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        let thread = std::path::Path::new("/proc").join(thread.recv().unwrap());
        mixer.wait_up(2).await;
        // Field 41 of proc(5) stat is the scheduling policy: 0 is SCHED_OTHER.
        let stat = std::fs::read_to_string(thread.join("stat")).unwrap();
        assert_eq!(stat.split(' ').nth(40), Some("0"));
        assert_eq!(exits(&supervision, "mixer")[0].exit.reason, "hung");
        gate.open();
    });
}
