//! The rules of the core, one by one, under a virtual clock.

use std::time::{Duration, Instant};

use kernel::core::{Action, ChildPolicy, Event, Goal, KILL_GRACE, Operation, SupervisorCore, Verdict};
use kernel::core::{Down, Phase};
use kernel::{Backoff, ExitReason, Intensity, OnExhausted, Restart, Shutdown, Strategy};

const STOP_WITHIN: Duration = Duration::from_secs(1);
const START_WITHIN: Duration = Duration::from_secs(2);

fn policy() -> ChildPolicy {
    ChildPolicy {
        restart: Restart::Permanent,
        shutdown: Shutdown::Within(STOP_WITHIN),
        start_within: Some(START_WITHIN),
        backoff: Backoff {
            jitter_percent: 0,
            ..Backoff::default()
        },
        on_exhausted: OnExhausted::Escalate,
    }
}

/// A core at work: the clock stands still unless it is moved, the newest actions are kept.
struct Bench {
    core: SupervisorCore,
    now: Instant,
}

impl Bench {
    fn of(strategy: Strategy, policies: Vec<ChildPolicy>, max_restarts: usize) -> Bench {
        let intensity = Intensity {
            max_restarts,
            period: Duration::from_secs(10),
        };
        let children = policies.into_iter().enumerate();
        let children = children.map(|(at, policy)| (format!("c{at}").as_str().into(), policy, 0));
        Bench {
            core: SupervisorCore::new(strategy, intensity, children, 1),
            now: Instant::now(),
        }
    }

    fn booted(strategy: Strategy, count: usize, max_restarts: usize) -> Bench {
        let mut bench = Bench::of(strategy, vec![policy(); count], max_restarts);
        bench.step(Event::Boot);
        for child in 0..count {
            bench.started(child, 1);
        }
        bench
    }

    /// Without the times to wake at.
    fn step(&mut self, event: Event) -> Vec<Action> {
        let mut actions = self.core.step(self.now, event);
        actions.retain(|action| !matches!(action, Action::WakeAt(_)));
        actions
    }

    fn started(&mut self, child: usize, incarnation: u64) -> Vec<Action> {
        self.step(Event::Started { child, incarnation })
    }

    fn exited(&mut self, child: usize, incarnation: u64, reason: ExitReason) -> Vec<Action> {
        self.step(Event::Exited {
            child,
            incarnation,
            reason,
        })
    }

    fn failed(&mut self, child: usize, incarnation: u64) -> Vec<Action> {
        self.exited(child, incarnation, ExitReason::Failed("bug".into()))
    }

    fn stopped(&mut self, child: usize, incarnation: u64) -> Vec<Action> {
        self.exited(child, incarnation, ExitReason::Shutdown)
    }

    fn after(&mut self, pause: Duration) -> Vec<Action> {
        self.now += pause;
        self.step(Event::Wake)
    }

    fn operate(&mut self, request: u64, child: usize, operation: Operation) -> Vec<Action> {
        self.step(Event::Operator {
            request,
            child,
            operation,
        })
    }
}

fn start(child: usize, incarnation: u64) -> Action {
    Action::Start { child, incarnation }
}

fn stop(child: usize, incarnation: u64) -> Action {
    Action::Stop { child, incarnation }
}

fn kill(child: usize, incarnation: u64) -> Action {
    Action::Kill { child, incarnation }
}

fn reply(request: u64, verdict: Verdict) -> Action {
    Action::Reply { request, verdict }
}

/// The orders among the actions, without the news.
fn orders(actions: Vec<Action>) -> Vec<Action> {
    let news = |action: &Action| matches!(action, Action::Up { .. } | Action::Gone { .. });
    actions.into_iter().filter(|action| !news(action)).collect()
}

#[test]
fn boot_starts_each_child_after_the_one_before_is_up() {
    let mut bench = Bench::of(Strategy::OneForOne, vec![policy(); 3], 5);
    assert_eq!(bench.step(Event::Boot), [start(0, 1)]);
    assert_eq!(orders(bench.started(0, 1)), [start(1, 1)]);
    assert_eq!(orders(bench.started(1, 1)), [start(2, 1)]);
    assert_eq!(orders(bench.started(2, 1)), [Action::Booted]);
}

#[test]
fn boot_of_no_children_is_done_at_once() {
    assert_eq!(
        Bench::of(Strategy::OneForAll, vec![], 5).step(Event::Boot),
        [Action::Booted]
    );
}

#[test]
fn failing_start_at_boot_backs_off_and_keeps_later_children_waiting() {
    let mut bench = Bench::of(Strategy::OneForOne, vec![policy(); 2], 5);
    bench.step(Event::Boot);
    assert_eq!(orders(bench.failed(0, 1)), [start(0, 2)]);
    assert_eq!(orders(bench.failed(0, 2)), []);
    assert_eq!(bench.after(Duration::from_millis(100)), [start(0, 3)]);
    assert_eq!(orders(bench.started(0, 3)), [start(1, 1)]);
}

#[test]
fn failing_start_at_boot_too_often_escalates_without_starting_the_rest() {
    let mut bench = Bench::of(Strategy::OneForOne, vec![policy(); 2], 1);
    bench.step(Event::Boot);
    bench.failed(0, 1);
    let actions = orders(bench.failed(0, 2));
    assert!(
        matches!(actions.as_slice(), [Action::Escalate(ExitReason::GaveUp { .. })]),
        "{actions:?}"
    );
}

#[test]
fn disabled_child_is_not_restarted_and_the_boot_goes_on() {
    let mut bench = Bench::of(Strategy::RestForOne, vec![policy(); 2], 5);
    bench.step(Event::Boot);
    let disabled = ExitReason::Disabled("no sound card".into());
    assert_eq!(orders(bench.exited(0, 1, disabled)), [start(1, 1)]);
    assert_eq!(orders(bench.started(1, 1)), [Action::Booted]);
    assert_eq!(
        bench.core.goal(0),
        Some(&Goal::Down(Down::Disabled("no sound card".into())))
    );
}

#[test]
fn one_for_one_restarts_only_the_failed_child() {
    let mut bench = Bench::booted(Strategy::OneForOne, 3, 5);
    assert_eq!(orders(bench.failed(1, 1)), [start(1, 2)]);
    assert_eq!(orders(bench.started(1, 2)), []);
}

#[test]
fn one_for_all_stops_all_in_reverse_and_starts_all_in_order() {
    let mut bench = Bench::booted(Strategy::OneForAll, 3, 5);
    assert_eq!(orders(bench.failed(1, 1)), [stop(2, 1)]);
    assert_eq!(orders(bench.stopped(2, 1)), [stop(0, 1)]);
    assert_eq!(orders(bench.stopped(0, 1)), [start(0, 2)]);
    assert_eq!(orders(bench.started(0, 2)), [start(1, 2)]);
    assert_eq!(orders(bench.started(1, 2)), [start(2, 2)]);
    assert_eq!(orders(bench.started(2, 2)), []);
}

#[test]
fn rest_for_one_stops_later_siblings_in_reverse_before_it_starts_the_failed_one() {
    let mut bench = Bench::booted(Strategy::RestForOne, 4, 5);
    assert_eq!(orders(bench.failed(1, 1)), [stop(3, 1)]);
    assert_eq!(orders(bench.stopped(3, 1)), [stop(2, 1)]);
    assert_eq!(orders(bench.stopped(2, 1)), [start(1, 2)]);
    assert_eq!(orders(bench.started(1, 2)), [start(2, 2)]);
    assert_eq!(orders(bench.started(2, 2)), [start(3, 2)]);
}

#[test]
fn temporary_child_felled_by_a_sibling_stays_down() {
    let mut temporary = policy();
    temporary.restart = Restart::Temporary;
    let mut bench = Bench::of(Strategy::RestForOne, vec![policy(), temporary, policy()], 5);
    bench.step(Event::Boot);
    (0..3).for_each(|child| drop(bench.started(child, 1)));
    bench.failed(0, 1);
    bench.stopped(2, 1);
    bench.stopped(1, 1);
    assert_eq!(orders(bench.started(0, 2)), [start(2, 2)]);
    assert_eq!(bench.core.goal(1), Some(&Goal::Down(Down::Ended)));
}

#[test]
fn transient_child_restarts_after_a_failure_and_rests_after_a_normal_end() {
    let mut transient = policy();
    transient.restart = Restart::Transient;
    let mut bench = Bench::of(Strategy::OneForOne, vec![transient], 5);
    bench.step(Event::Boot);
    bench.started(0, 1);
    assert_eq!(orders(bench.failed(0, 1)), [start(0, 2)]);
    bench.started(0, 2);
    assert_eq!(orders(bench.exited(0, 2, ExitReason::Normal)), []);
    assert_eq!(bench.core.goal(0), Some(&Goal::Down(Down::Ended)));
}

#[test]
fn permanent_child_restarts_after_a_normal_end() {
    let mut bench = Bench::booted(Strategy::OneForOne, 1, 5);
    assert_eq!(orders(bench.exited(0, 1, ExitReason::Normal)), [start(0, 2)]);
}

#[test]
fn backoff_starts_afresh_after_a_stable_period() {
    let mut bench = Bench::booted(Strategy::OneForOne, 1, 5);
    bench.failed(0, 1);
    bench.started(0, 2);
    bench.now += Backoff::default().reset_after;
    assert_eq!(orders(bench.failed(0, 2)), [start(0, 3)]);
}

#[test]
fn intensity_counts_in_a_sliding_window() {
    let mut bench = Bench::booted(Strategy::OneForOne, 1, 2);
    for incarnation in 1..8 {
        assert!(
            !orders(bench.failed(0, incarnation))
                .iter()
                .any(|action| matches!(action, Action::Escalate(_)))
        );
        bench.after(Duration::from_secs(6));
        bench.started(0, incarnation + 1);
    }
}

#[test]
fn intensity_exceeded_stops_the_siblings_in_reverse_and_escalates_once() {
    let mut bench = Bench::booted(Strategy::OneForOne, 3, 1);
    bench.failed(0, 1);
    bench.started(0, 2);
    assert_eq!(orders(bench.failed(0, 2)), [stop(2, 1)]);
    assert_eq!(orders(bench.stopped(2, 1)), [stop(1, 1)]);
    let end = orders(bench.stopped(1, 1));
    let gave_up = ExitReason::GaveUp {
        child: "c0".into(),
        cause: "failed: bug".into(),
    };
    assert_eq!(end, [Action::Escalate(gave_up)]);
    assert_eq!(bench.after(Duration::from_secs(60)), []);
}

#[test]
fn exhausted_child_that_suspends_leaves_its_siblings_alone() {
    let mut frail = policy();
    frail.on_exhausted = OnExhausted::Suspend;
    let mut bench = Bench::of(Strategy::OneForOne, vec![frail, policy()], 1);
    bench.step(Event::Boot);
    (0..2).for_each(|child| drop(bench.started(child, 1)));
    bench.failed(0, 1);
    bench.started(0, 2);
    assert_eq!(orders(bench.failed(0, 2)), []);
    assert_eq!(bench.core.goal(0), Some(&Goal::Down(Down::Suspended)));
    assert_eq!(
        orders(bench.failed(1, 1)),
        [start(1, 2)],
        "its restarts are not held against its sibling"
    );
}

#[test]
fn child_that_suspends_and_those_that_escalate_do_not_pay_for_each_other() {
    let mut frail = policy();
    frail.on_exhausted = OnExhausted::Suspend;
    let mut bench = Bench::of(Strategy::OneForOne, vec![frail.clone(), frail, policy(), policy()], 2);
    bench.step(Event::Boot);
    (0..4).for_each(|child| drop(bench.started(child, 1)));
    (0..4).for_each(|child| drop(bench.failed(child, 1)));
    let wanted: Vec<_> = (0..4).map(|child| bench.core.goal(child)).collect();
    assert_eq!(wanted, [Some(&Goal::Up); 4], "four failures, none of them one too many");
    bench.after(Duration::from_secs(1));
    bench.started(0, 2);
    bench.failed(0, 2);
    bench.after(Duration::from_secs(1));
    bench.failed(0, 3);
    assert_eq!(bench.core.goal(0), Some(&Goal::Down(Down::Suspended)));
    assert_eq!(bench.core.goal(1), Some(&Goal::Up));
    assert!(!bench.core.is_ending());
    bench.failed(3, 2);
    assert!(bench.core.is_ending(), "those that escalate share one budget");
}

#[test]
fn collateral_exit_is_repaired_at_once_and_not_counted() {
    let mut bench = Bench::booted(Strategy::OneForOne, 1, 0);
    for incarnation in 1..5 {
        let actions = bench.exited(0, incarnation, ExitReason::Collateral("neighbour".into()));
        assert_eq!(orders(actions), [start(0, incarnation + 1)]);
        bench.started(0, incarnation + 1);
    }
}

#[test]
fn exit_of_an_older_incarnation_changes_nothing() {
    let mut bench = Bench::booted(Strategy::OneForAll, 2, 0);
    assert_eq!(bench.failed(0, 7), []);
    assert_eq!(bench.started(0, 7), []);
}

#[test]
fn shutdown_stops_in_reverse_order_one_after_the_other() {
    let mut bench = Bench::booted(Strategy::OneForOne, 2, 5);
    assert_eq!(bench.step(Event::Shutdown), [stop(1, 1)]);
    assert_eq!(orders(bench.stopped(1, 1)), [stop(0, 1)]);
    assert_eq!(orders(bench.stopped(0, 1)), [Action::Terminated]);
    assert_eq!(bench.step(Event::Shutdown), []);
}

#[test]
fn shutdown_kills_at_the_deadline_and_gives_up_after_the_grace() {
    let mut bench = Bench::booted(Strategy::OneForOne, 1, 5);
    bench.step(Event::Shutdown);
    assert_eq!(bench.after(STOP_WITHIN), [kill(0, 1)]);
    let gone = Action::Gone {
        child: 0,
        incarnation: 1,
        reason: ExitReason::Lost,
    };
    let abandon = Action::Abandon {
        child: 0,
        incarnation: 1,
    };
    assert_eq!(bench.after(KILL_GRACE), [abandon, gone, Action::Terminated]);
    assert_eq!(bench.stopped(0, 1), [], "a lost child that comes back changes nothing");
}

#[test]
fn brutal_kill_is_not_asked_first() {
    let mut brutal = policy();
    brutal.shutdown = Shutdown::Kill;
    let mut bench = Bench::of(Strategy::OneForOne, vec![brutal], 5);
    bench.step(Event::Boot);
    bench.started(0, 1);
    assert_eq!(bench.step(Event::Shutdown), [kill(0, 1)]);
}

#[test]
fn start_that_takes_too_long_is_killed_and_counts_as_failed() {
    let mut bench = Bench::of(Strategy::OneForOne, vec![policy()], 1);
    bench.step(Event::Boot);
    assert_eq!(bench.after(START_WITHIN), [kill(0, 1)]);
    let gone = Action::Gone {
        child: 0,
        incarnation: 1,
        reason: ExitReason::StartFailed("not up within 2000 ms".into()),
    };
    assert_eq!(bench.exited(0, 1, ExitReason::Killed), [gone, start(0, 2)]);
}

#[test]
fn start_that_never_ends_is_abandoned_and_tried_again() {
    let mut bench = Bench::of(Strategy::OneForOne, vec![policy()], 1);
    bench.step(Event::Boot);
    bench.after(START_WITHIN);
    let actions = orders(bench.after(KILL_GRACE));
    let abandon = Action::Abandon {
        child: 0,
        incarnation: 1,
    };
    assert_eq!(actions, [abandon, start(0, 2)]);
}

#[test]
fn operator_restart_takes_along_those_that_the_strategy_names() {
    let mut bench = Bench::booted(Strategy::RestForOne, 3, 0);
    assert_eq!(bench.operate(9, 1, Operation::Restart), [stop(2, 1)]);
    assert_eq!(orders(bench.stopped(2, 1)), [stop(1, 1)]);
    assert_eq!(orders(bench.stopped(1, 1)), [start(1, 2)]);
    let up = Verdict::Up { incarnation: 2 };
    assert_eq!(orders(bench.started(1, 2)), [reply(9, up), start(2, 2)]);
}

#[test]
fn operator_restart_of_a_child_that_backs_off_starts_it_at_once() {
    let mut bench = Bench::booted(Strategy::OneForOne, 1, 5);
    bench.failed(0, 1);
    bench.failed(0, 2);
    assert_eq!(bench.core.phase(0), Some(Phase::Down));
    assert_eq!(bench.operate(1, 0, Operation::Restart), [start(0, 3)]);
}

#[test]
fn operator_restart_that_fails_to_start_is_answered_with_the_reason() {
    let mut bench = Bench::booted(Strategy::OneForOne, 1, 5);
    bench.operate(1, 0, Operation::Restart);
    bench.stopped(0, 1);
    let failed = Verdict::Failed(ExitReason::Failed("bug".into()));
    assert_eq!(orders(bench.failed(0, 2)), [reply(1, failed), start(0, 3)]);
}

#[test]
fn operator_stop_holds_down_until_the_operator_starts() {
    let mut bench = Bench::booted(Strategy::OneForOne, 2, 5);
    assert_eq!(bench.operate(1, 0, Operation::Stop), [stop(0, 1)]);
    assert_eq!(orders(bench.stopped(0, 1)), [reply(1, Verdict::Down)]);
    assert_eq!(bench.after(Duration::from_secs(3600)), []);
    assert_eq!(bench.operate(2, 0, Operation::Start), [start(0, 2)]);
    let up = Verdict::Up { incarnation: 2 };
    assert_eq!(orders(bench.started(0, 2)), [reply(2, up)]);
}

#[test]
fn operator_stop_in_an_ordered_group_leaves_the_siblings_up() {
    let mut bench = Bench::booted(Strategy::OneForAll, 3, 5);
    assert_eq!(bench.operate(1, 1, Operation::Stop), [stop(1, 1)]);
    assert_eq!(orders(bench.stopped(1, 1)), [reply(1, Verdict::Down)]);
}

#[test]
fn operator_start_of_a_suspended_child_forgives_its_past() {
    let mut frail = policy();
    frail.on_exhausted = OnExhausted::Suspend;
    let mut bench = Bench::of(Strategy::OneForOne, vec![frail], 0);
    bench.step(Event::Boot);
    bench.failed(0, 1);
    assert_eq!(bench.operate(1, 0, Operation::Start), [start(0, 2)]);
}

#[test]
fn operator_request_for_what_is_so_already_is_answered_at_once() {
    let mut bench = Bench::booted(Strategy::OneForOne, 1, 5);
    let up = Verdict::Up { incarnation: 1 };
    assert_eq!(bench.operate(1, 0, Operation::Start), [reply(1, up)]);
}

#[test]
fn operator_request_is_superseded_by_the_next_and_overtaken_by_the_end() {
    let mut bench = Bench::booted(Strategy::OneForOne, 1, 5);
    bench.operate(1, 0, Operation::Restart);
    assert_eq!(bench.operate(2, 0, Operation::Stop), [reply(1, Verdict::Superseded)]);
    assert_eq!(bench.step(Event::Shutdown), [reply(2, Verdict::Ending)]);
    assert_eq!(bench.operate(3, 0, Operation::Start), [reply(3, Verdict::Ending)]);
    assert_eq!(bench.operate(4, 99, Operation::Start), [reply(4, Verdict::Ending)]);
}

#[test]
fn limits_beyond_the_end_of_the_clock_are_none() {
    let mut patient = policy();
    patient.shutdown = Shutdown::Within(Duration::MAX);
    patient.start_within = Some(Duration::MAX);
    patient.backoff.max = Duration::MAX;
    let mut bench = Bench::of(Strategy::OneForOne, vec![patient], usize::MAX);
    assert_eq!(bench.step(Event::Boot), [start(0, 1)]);
    assert_eq!(bench.step(Event::Shutdown), [stop(0, 1)]);
    assert_eq!(bench.after(Duration::from_secs(1_000_000)), []);
}
