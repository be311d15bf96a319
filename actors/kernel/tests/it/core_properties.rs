//! Properties of the core under a virtual clock: random lives of random groups against a simple model of the world.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use kernel::core::{Action, ChildPolicy, Event, Goal, Operation, Phase, SupervisorCore};
use kernel::{Backoff, ExitReason, Intensity, OnExhausted, Restart, Shutdown, Strategy};
use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;

const PERIOD: Duration = Duration::from_secs(5);
const MAX_RESTARTS: usize = 4;

/// One thing that the world does next; `who` picks among those that it can happen to.
#[derive(Clone, Copy, Debug)]
enum Deed {
    FinishStart { who: usize },
    FinishStop { who: usize },
    Fail { who: usize },
    EndNormally { who: usize },
    Disable { who: usize },
    LoseThread { who: usize },
    StaleExit { who: usize, back: u64 },
    Pass { ms: u64 },
    Operate { who: usize, operation: Operation },
    Shutdown,
}

fn deeds() -> impl Generator<Value = Vec<Deed>> {
    let operation = prop_oneof![Just(Operation::Restart), Just(Operation::Stop), Just(Operation::Start)];
    let who = 0..6_usize;
    let deed = prop_oneof![
        12 => who.clone().prop_map(|who| Deed::FinishStart { who }),
        8 => who.clone().prop_map(|who| Deed::FinishStop { who }),
        6 => who.clone().prop_map(|who| Deed::Fail { who }),
        1 => who.clone().prop_map(|who| Deed::EndNormally { who }),
        1 => who.clone().prop_map(|who| Deed::Disable { who }),
        2 => who.clone().prop_map(|who| Deed::LoseThread { who }),
        2 => (who.clone(), 1..4_u64).prop_map(|(who, back)| Deed::StaleExit { who, back }),
        6 => (0..3000_u64).prop_map(|ms| Deed::Pass { ms }),
        4 => (who, operation).prop_map(|(who, operation)| Deed::Operate { who, operation }),
        1 => Just(Deed::Shutdown),
    ];
    prop::collection::vec(deed, 0..80)
}

fn groups(on_exhausted: OnExhausted) -> impl Generator<Value = Group> {
    let strategy = prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::OneForAll),
        Just(Strategy::RestForOne)
    ];
    let restart =
        prop_oneof![3 => Just(Restart::Permanent), 1 => Just(Restart::Transient), 1 => Just(Restart::Temporary)];
    let shutdown = prop_oneof![
        3 => Just(Shutdown::Within(Duration::from_secs(1))),
        1 => Just(Shutdown::Unlimited),
        1 => Just(Shutdown::Kill)
    ];
    let policy = (restart, shutdown).prop_map(move |(restart, shutdown)| ChildPolicy {
        restart,
        shutdown,
        start_within: Some(Duration::from_secs(2)),
        backoff: Backoff::default(),
        on_exhausted,
    });
    (strategy, prop::collection::vec(policy, 1..6), any::<u64>()).prop_map(|(strategy, policies, seed)| Group {
        strategy,
        policies,
        seed,
    })
}

#[derive(Clone, Debug)]
struct Group {
    strategy: Strategy,
    policies: Vec<ChildPolicy>,
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Start,
    Run,
    Stop,
}

/// The world as the actions made it, and what must never happen in it.
struct World {
    group: Group,
    core: SupervisorCore,
    now: Instant,
    live: HashMap<usize, (u64, Told)>,
    newest: HashMap<usize, u64>,
    wake_at: Option<Instant>,
    open: HashSet<u64>,
    next_request: u64,
    /// Temporary children that an operator wants again.
    wished: HashSet<usize>,
    /// Failures that count, by time.
    failures: Vec<Instant>,
    asked_to_end: bool,
    ends: usize,
    booted: usize,
}

impl World {
    fn new(group: Group) -> World {
        let intensity = Intensity {
            max_restarts: MAX_RESTARTS,
            period: PERIOD,
        };
        let children = group.policies.iter().enumerate();
        let children = children.map(|(at, policy)| (format!("c{at}").as_str().into(), policy.clone(), 0));
        let core = SupervisorCore::new(group.strategy, intensity, children, group.seed);
        let mut world = World {
            group,
            core,
            now: Instant::now(),
            live: HashMap::new(),
            newest: HashMap::new(),
            wake_at: None,
            open: HashSet::new(),
            next_request: 0,
            wished: HashSet::new(),
            failures: Vec::new(),
            asked_to_end: false,
            ends: 0,
            booted: 0,
        };
        world.step(Event::Boot);
        world
    }

    fn step(&mut self, event: Event) {
        let actions = self.core.step(self.now, event);
        assert!(
            self.ends == 0 || actions.iter().all(|action| matches!(action, Action::Reply { .. })),
            "{actions:?}"
        );
        self.wake_at = None;
        for action in actions {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Start { child, incarnation } => self.start(child, incarnation),
            Action::Stop { child, incarnation } | Action::Kill { child, incarnation } => {
                assert_eq!(self.live.get(&child).map(|live| live.0), Some(incarnation));
                self.live.insert(child, (incarnation, Told::Stop));
            }
            Action::Abandon { child, incarnation } => {
                assert_eq!(self.live.remove(&child), Some((incarnation, Told::Stop)));
            }
            Action::Up { child, incarnation } => assert_eq!(self.live.get(&child), Some(&(incarnation, Told::Run))),
            Action::Gone { child, .. } => assert!(!self.live.contains_key(&child)),
            Action::Reply { request, .. } => assert!(self.open.remove(&request), "answered once"),
            Action::Booted => {
                self.booted += 1;
                assert_eq!(self.booted, 1);
            }
            Action::WakeAt(at) => {
                assert!(at > self.now, "a time to wake at lies ahead");
                self.wake_at = Some(at);
            }
            Action::Escalate(_) | Action::Terminated => {
                self.ends += 1;
                assert_eq!(self.ends, 1, "the end comes once");
                assert!(self.live.is_empty(), "the end comes with no live child");
            }
        }
    }

    fn start(&mut self, child: usize, incarnation: u64) {
        let fresh = self.newest.insert(child, incarnation).unwrap_or(0) + 1;
        assert_eq!(incarnation, fresh, "incarnations are numbered without a gap");
        let before = self.live.insert(child, (incarnation, Told::Start));
        assert_eq!(before, None, "one live incarnation a child");
        assert!(!self.core.is_ending(), "nothing starts in the end");
        if self.group.strategy.is_ordered() {
            let stopping = |(later, live): (&usize, &(u64, Told))| *later > child && live.1 == Told::Stop;
            assert!(!self.live.iter().any(stopping), "no start while a later sibling stops");
        }
        if self.group.policies[child].restart == Restart::Temporary && incarnation > 1 {
            assert!(
                self.wished.remove(&child),
                "a temporary child comes back by an operator's wish only"
            );
        }
    }

    fn pick(&self, who: usize, told: impl Fn(Told) -> bool) -> Option<(usize, u64)> {
        let mut able: Vec<(usize, u64)> = self
            .live
            .iter()
            .filter(|(_, live)| told(live.1))
            .map(|(child, live)| (*child, live.0))
            .collect();
        able.sort_unstable();
        (!able.is_empty()).then(|| able[who % able.len()])
    }

    fn exit(&mut self, who: usize, reason: ExitReason) {
        let Some((child, incarnation)) = self.pick(who, |told| told != Told::Stop) else {
            return;
        };
        let restarts = match self.group.policies[child].restart {
            Restart::Permanent => true,
            Restart::Transient => !reason.is_clean(),
            // Whether it was wished for is the core's secret: such a failure may count or not.
            Restart::Temporary => self.wished.contains(&child),
        };
        let harmless = reason.is_collateral() || matches!(reason, ExitReason::Disabled(_));
        let wanted = self.core.goal(child) == Some(&Goal::Up);
        if restarts && !harmless && wanted && !self.core.is_ending() {
            self.failures.push(self.now);
        }
        self.live.remove(&child);
        self.step(Event::Exited {
            child,
            incarnation,
            reason,
        });
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.wake_at.filter(|at| *at <= end) {
            self.now = at;
            self.step(Event::Wake);
        }
        self.now = end;
    }

    fn finish_start(&mut self, who: usize) {
        if let Some((child, incarnation)) = self.pick(who, |told| told == Told::Start) {
            self.live.insert(child, (incarnation, Told::Run));
            self.step(Event::Started { child, incarnation });
        }
    }

    fn finish_stop(&mut self, who: usize) {
        if let Some((child, incarnation)) = self.pick(who, |told| told == Told::Stop) {
            self.live.remove(&child);
            let reason = ExitReason::Shutdown;
            self.step(Event::Exited {
                child,
                incarnation,
                reason,
            });
        }
    }

    fn stale_exit(&mut self, child: usize, back: u64) {
        let Some(old) = self.newest.get(&child).and_then(|newest| newest.checked_sub(back)) else {
            return;
        };
        // Settle what the time alone brings first.
        self.step(Event::Wake);
        let before = format!("{:?}", self.core);
        self.step(Event::Exited {
            child,
            incarnation: old,
            reason: ExitReason::Failed("late".into()),
        });
        assert_eq!(before, format!("{:?}", self.core), "a stale exit changes nothing");
    }

    fn operate(&mut self, who: usize, operation: Operation) {
        let child = who % self.group.policies.len();
        if operation == Operation::Stop {
            self.wished.remove(&child);
        } else {
            self.wished.insert(child);
        }
        let request = self.next_request;
        self.next_request += 1;
        self.open.insert(request);
        self.step(Event::Operator {
            request,
            child,
            operation,
        });
    }

    fn act(&mut self, deed: Deed) {
        match deed {
            Deed::FinishStart { who } => self.finish_start(who),
            Deed::FinishStop { who } => self.finish_stop(who),
            Deed::Fail { who } => self.exit(who, ExitReason::Failed("bug".into())),
            Deed::EndNormally { who } => self.exit(who, ExitReason::Normal),
            Deed::Disable { who } => self.exit(who, ExitReason::Disabled("absent".into())),
            Deed::LoseThread { who } => self.exit(who, ExitReason::Collateral("neighbour".into())),
            Deed::StaleExit { who, back } => self.stale_exit(who, back),
            Deed::Pass { ms } => self.pass(Duration::from_millis(ms)),
            Deed::Operate { who, operation } => self.operate(who, operation),
            Deed::Shutdown => {
                self.asked_to_end = true;
                self.step(Event::Shutdown);
            }
        }
    }

    /// Everything that is begun is done, and nothing more goes wrong.
    fn settle(&mut self) {
        for _ in 0..1000 {
            if self.pick(0, |told| told == Told::Start).is_some() {
                self.finish_start(0);
            } else if self.pick(0, |told| told == Told::Stop).is_some() {
                self.finish_stop(0);
            } else if let Some(at) = self.wake_at {
                self.now = self.now.max(at);
                self.step(Event::Wake);
            } else {
                return;
            }
        }
        panic!("never comes to rest");
    }

    fn failures_in_window(&self) -> usize {
        self.failures
            .iter()
            .filter(|at| self.now.duration_since(**at) <= PERIOD)
            .count()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn core_in_any_life_keeps_its_invariants(group in groups(OnExhausted::Escalate), deeds in deeds()) {
        let mut world = World::new(group);
        deeds.into_iter().for_each(|deed| world.act(deed));
    }

    #[test]
    fn core_left_alone_meets_every_goal_and_ends_every_request(
        group in groups(OnExhausted::Escalate),
        deeds in deeds(),
    ) {
        let mut world = World::new(group);
        deeds.into_iter().for_each(|deed| world.act(deed));
        world.settle();
        prop_assert!(world.open.is_empty(), "open requests: {:?}", world.open);
        prop_assert_eq!(world.ends == 1, world.core.is_ending());
        for child in 0..world.group.policies.len() {
            let up = matches!(world.core.phase(child), Some(Phase::Running { .. }));
            let wanted = world.core.goal(child) == Some(&Goal::Up) && !world.core.is_ending();
            prop_assert_eq!(up, wanted, "child {}", child);
        }
    }

    #[test]
    fn core_gives_up_exactly_when_the_intensity_is_exceeded(
        group in groups(OnExhausted::Escalate),
        deeds in deeds(),
    ) {
        let mut group = group;
        // Without temporary children and slow starts the world can tell by itself which failures count.
        group.policies.iter_mut().for_each(|policy| {
            policy.restart = Restart::Permanent;
            policy.start_within = None;
        });
        let mut world = World::new(group);
        for deed in deeds {
            world.act(deed);
            if world.asked_to_end {
                break;
            }
            let exceeded = world.failures_in_window() > MAX_RESTARTS;
            prop_assert_eq!(world.core.is_ending(), exceeded, "{} failures", world.failures_in_window());
            if exceeded {
                break;
            }
        }
    }

    #[test]
    fn core_with_children_that_suspend_never_gives_up(group in groups(OnExhausted::Suspend), deeds in deeds()) {
        let mut world = World::new(group);
        for deed in deeds {
            world.act(deed);
            prop_assert_eq!(world.core.is_ending(), world.asked_to_end);
        }
    }
}
