//! Handles: valid before launch and over restarts, bounded, honest about what was not delivered.

use std::num::NonZeroUsize;
use std::time::Duration;

use actix::prelude::*;
use kernel::{AskError, ChildEnv, ChildRef, ChildSpec, Placement, SupervisorSpec, Undelivered};

use crate::kit::{Gate, run};

const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, PartialEq, Message)]
#[rtype(result = "u64")]
struct GetIncarnation;

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Fail;

#[derive(Message)]
#[rtype(result = "()")]
struct Wait(Gate, Gate);

impl std::fmt::Debug for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wait")
    }
}

struct Clerk {
    env: ChildEnv,
}

impl Actor for Clerk {
    type Context = Context<Self>;
}

impl Handler<GetIncarnation> for Clerk {
    type Result = u64;

    fn handle(&mut self, _: GetIncarnation, _: &mut Self::Context) -> u64 {
        self.env.incarnation()
    }
}

impl Handler<Fail> for Clerk {
    type Result = ();

    fn handle(&mut self, _: Fail, ctx: &mut Self::Context) {
        self.env.fail("as told");
        ctx.stop();
    }
}

impl Handler<Wait> for Clerk {
    type Result = ();

    fn handle(&mut self, Wait(entered, leave): Wait, _: &mut Self::Context) {
        entered.open();
        leave.wait();
    }
}

kernel::answers_ping!(Clerk);

fn clerk() -> ChildSpec<Clerk> {
    ChildSpec::new("clerk", |env| Ok(Clerk { env })).placement(Placement::Dedicated)
}

/// Fills the mailbox behind a clerk that is held at a gate. Answers how many messages it took.
fn fill(handle: &ChildRef<Clerk>) -> (Gate, usize) {
    let (entered, leave) = (Gate::default(), Gate::default());
    handle.try_tell(Wait(entered.clone(), leave.clone())).unwrap();
    entered.wait();
    let taken = (0..1000)
        .take_while(|_| handle.clone().try_tell(GetIncarnation).is_ok())
        .count();
    (leave, taken)
}

#[test]
fn handle_before_launch_gives_the_message_back() {
    let handle = clerk().child_ref();
    assert_eq!(handle.try_tell(GetIncarnation), Err(Undelivered::Down(GetIncarnation)));
    assert_eq!(run(handle.ask(GetIncarnation, LIMIT)), Err(AskError::Down));
    assert_eq!(handle.incarnation(), None);
    assert_eq!(handle.counters().refused_down, 2);
}

#[test]
fn handle_over_a_restart_reaches_the_new_incarnation() {
    run(async {
        let spec = clerk();
        let handle = spec.child_ref();
        let _supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        assert_eq!(handle.wait_up(1).await, 1);
        assert_eq!(handle.ask(GetIncarnation, LIMIT).await, Ok(1));
        handle.try_tell(Fail).unwrap();
        assert_eq!(handle.wait_up(2).await, 2);
        assert_eq!(handle.ask(GetIncarnation, LIMIT).await, Ok(2));
    });
}

#[test]
fn full_mailbox_refuses_tells_and_questions_of_every_clone() {
    run(async {
        let spec = clerk().mailbox(NonZeroUsize::new(4).unwrap());
        let handle = spec.child_ref();
        let _supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        handle.wait_up(1).await;
        let (leave, taken) = fill(&handle);
        assert_eq!(taken, 4);
        for _ in 0..10 {
            assert_eq!(
                handle.clone().try_tell(GetIncarnation),
                Err(Undelivered::Full(GetIncarnation))
            );
            assert_eq!(handle.clone().ask(GetIncarnation, LIMIT).await, Err(AskError::Full));
        }
        assert_eq!(handle.counters().refused_full, 21);
        leave.open();
    });
}

#[test]
fn questions_alone_fill_the_mailbox_no_further_than_its_bound() {
    run(async {
        let spec = clerk().mailbox(NonZeroUsize::new(4).unwrap());
        let handle = spec.child_ref();
        let _supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        handle.wait_up(1).await;
        let (entered, leave) = (Gate::default(), Gate::default());
        handle.try_tell(Wait(entered.clone(), leave.clone())).unwrap();
        entered.wait();
        let questions = (0..50).map(|_| handle.ask(GetIncarnation, Duration::from_millis(20)));
        let answers = futures_util::future::join_all(questions).await;
        let full = answers.iter().filter(|answer| **answer == Err(AskError::Full)).count();
        assert_eq!((full, handle.counters().timed_out), (46, 4));
        leave.open();
    });
}

#[test]
fn question_to_a_child_that_dies_first_is_answered_died() {
    run(async {
        let spec = clerk();
        let handle = spec.child_ref();
        let _supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        handle.wait_up(1).await;
        let (entered, leave) = (Gate::default(), Gate::default());
        handle.try_tell(Wait(entered.clone(), leave.clone())).unwrap();
        entered.wait();
        handle.try_tell(Fail).unwrap();
        let question = handle.ask(GetIncarnation, LIMIT);
        let open = async { leave.open() };
        assert_eq!(futures_util::future::join(question, open).await.0, Err(AskError::Died));
    });
}

#[test]
fn handle_of_a_child_told_to_stop_refuses_while_it_is_still_stopping() {
    struct Closing {
        itself: Option<ChildRef<Closing>>,
        seen: std::sync::mpsc::Sender<bool>,
    }
    impl Actor for Closing {
        type Context = Context<Self>;

        fn stopping(&mut self, _: &mut Self::Context) -> Running {
            let refused = self
                .itself
                .as_ref()
                .is_some_and(|itself| itself.try_tell(kernel::Ping).is_err());
            self.seen.send(refused).unwrap();
            Running::Stop
        }
    }
    kernel::answers_ping!(Closing);

    run(async {
        let (seen, heard) = std::sync::mpsc::channel();
        let slot = std::sync::Arc::new(std::sync::Mutex::new(None));
        let itself = std::sync::Arc::clone(&slot);
        let spec = ChildSpec::new("closing", move |_| {
            Ok(Closing {
                itself: itself.lock().unwrap().clone(),
                seen: seen.clone(),
            })
        });
        *slot.lock().unwrap() = Some(spec.child_ref());
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        supervision.booted().await.unwrap();
        supervision.shutdown(LIMIT).await;
        assert_eq!(heard.recv(), Ok(true));
    });
}

#[test]
fn child_that_is_told_to_stop_may_finish_its_work_first() {
    /// Wants some more turns before it goes.
    struct Draining {
        drained: std::sync::mpsc::Sender<()>,
        asked: u32,
    }
    impl Actor for Draining {
        type Context = Context<Self>;

        fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
            self.asked += 1;
            if self.asked > 1 {
                return Running::Stop;
            }
            let turns = async {
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            };
            ctx.spawn(turns.into_actor(self).map(|(), draining, ctx| {
                draining.drained.send(()).unwrap();
                ctx.stop();
            }));
            Running::Continue
        }
    }
    kernel::answers_ping!(Draining);

    run(async {
        let (drained, heard) = std::sync::mpsc::channel();
        let spec = ChildSpec::new("draining", move |_| {
            Ok(Draining {
                drained: drained.clone(),
                asked: 0,
            })
        });
        let supervision = kernel::launch(SupervisorSpec::new("root").child(spec)).unwrap();
        supervision.booted().await.unwrap();
        supervision.shutdown(LIMIT).await;
        assert_eq!(heard.try_recv(), Ok(()), "stopped in the middle of its work");
    });
}

#[test]
fn handle_and_its_futures_may_cross_threads() {
    fn crosses<T: Send>(_: &T) {}
    fn is_shared<T: Send + Sync>(_: &T) {}
    let handle = clerk().child_ref();
    is_shared(&handle);
    crosses(&handle.ask(GetIncarnation, LIMIT));
    crosses(&handle.wait_up(1));
}
