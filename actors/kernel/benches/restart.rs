//! The price of supervision: the time from a panic to the next incarnation, and messages against plain actix.
//!
//! The actors live on threads of their own; askers wait on the benchmark's thread, as a web worker would.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use actix::prelude::*;
use criterion::{Criterion, criterion_group, criterion_main};
use stationd_kernel::{
    Backoff, ChildRef, ChildSpec, Intensity, Placement, Supervision, SupervisorSpec, answers_ping, launch,
};
use tokio::runtime::Runtime;

const LIMIT: Duration = Duration::from_secs(5);
/// Restarts for the percentiles.
const RESTARTS: usize = 10_000;
const MAILBOX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1023);

struct Echo;

impl Actor for Echo {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX.get());
    }
}

#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "u64")]
struct Say(u64);

impl Handler<Say> for Echo {
    type Result = u64;

    fn handle(&mut self, Say(word): Say, _: &mut Self::Context) -> u64 {
        word
    }
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Break;

impl Handler<Break> for Echo {
    type Result = ();

    #[allow(clippy::panic, reason = "the panic is what is measured")]
    fn handle(&mut self, Break: Break, _: &mut Self::Context) {
        panic!("as asked");
    }
}

answers_ping!(Echo);

fn supervised() -> Option<(Supervision, ChildRef<Echo>)> {
    let at_once = Backoff {
        max: Duration::ZERO,
        ..Backoff::default()
    };
    let endless = Intensity {
        max_restarts: usize::MAX,
        period: Duration::ZERO,
    };
    let spec = ChildSpec::new("echo", |_| Ok(Echo)).backoff(at_once).mailbox(MAILBOX);
    let spec = spec.placement(Placement::Shared("echo".to_owned()));
    let echo = spec.child_ref();
    let supervision = launch(SupervisorSpec::new("root").intensity(endless).child(spec)).ok()?;
    Some((supervision, echo))
}

fn restart(c: &mut Criterion, runtime: &Runtime) {
    let Some((supervision, echo)) = supervised() else {
        return;
    };
    let mut incarnation = runtime.block_on(echo.wait_up(1));
    let mut once = || {
        let begun = Instant::now();
        assert!(echo.try_tell(Break).is_ok(), "it is up and its mailbox is empty");
        incarnation = runtime.block_on(echo.wait_up(incarnation + 1));
        begun.elapsed()
    };
    c.bench_function("restart/panic_to_up", |b| {
        b.iter_custom(|rounds| (0..rounds).map(|_| once()).sum());
    });
    print_percentiles((0..RESTARTS).map(|_| once()).collect());
    runtime.block_on(supervision.shutdown(LIMIT));
}

/// The mean hides what a caller may meet now and then.
#[allow(clippy::print_stdout, reason = "a measurement")]
fn print_percentiles(mut times: Vec<Duration>) {
    times.sort_unstable();
    println!("restart/panic_to_up, {} restarts, bar: p99 below 1 ms", times.len());
    for percent in [50, 90, 99, 100] {
        let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        let took = times.get(at).copied().unwrap_or_default();
        println!("  p{percent:<3} {:8.3} ms", took.as_secs_f64() * 1000.0);
    }
}

fn messages(c: &mut Criterion, runtime: &Runtime) {
    let Some((supervision, echo)) = supervised() else {
        return;
    };
    runtime.block_on(echo.wait_up(1));
    // The thread of the plain actor: actix needs a system around it.
    let system = System::new();
    let plain = system.block_on(async { Echo::start_in_plain_arbiter() });

    let mut group = c.benchmark_group("tell");
    group.bench_function("child_ref", |b| {
        let flush = || runtime.block_on(echo.ask(Say(0), LIMIT)).is_ok();
        b.iter_custom(|count| in_batches(count, || echo.try_tell(Say(1)).is_ok(), flush));
    });
    group.bench_function("plain_actix", |b| {
        let flush = || runtime.block_on(async { plain.send(Say(0)).timeout(LIMIT).await.is_ok() });
        b.iter_custom(|count| in_batches(count, || plain.try_send(Say(1)).is_ok(), flush));
    });
    group.finish();

    let mut group = c.benchmark_group("ask");
    group.bench_function("child_ref", |b| {
        b.iter(|| runtime.block_on(echo.ask(Say(1), LIMIT)));
    });
    group.bench_function("plain_actix", |b| {
        b.iter(|| runtime.block_on(async { plain.send(Say(1)).timeout(LIMIT).await }));
    });
    group.finish();
    runtime.block_on(supervision.shutdown(LIMIT));
}

/// Times accepted messages only: a batch fits the mailbox, and the pause to empty it is not counted.
fn in_batches(count: u64, tell: impl Fn() -> bool, flush: impl Fn() -> bool) -> Duration {
    const BATCH: u64 = 1000;
    let (mut total, mut left) = (Duration::ZERO, count);
    while left > 0 {
        let batch = left.min(BATCH);
        let begun = Instant::now();
        let accepted = (0..batch).filter(|_| tell()).count();
        total += begun.elapsed();
        assert_eq!(u64::try_from(accepted), Ok(batch), "a batch fits the mailbox");
        assert!(flush(), "the actor is up");
        left -= batch;
    }
    total
}

impl Echo {
    #[allow(clippy::disallowed_methods, reason = "the thing to compare with")]
    fn start_in_plain_arbiter() -> Addr<Echo> {
        Echo::start_in_arbiter(&Arbiter::new().handle(), |_| Echo)
    }
}

fn all(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    restart(c, &runtime);
    messages(c, &runtime);
}

criterion_group!(benches, all);
criterion_main!(benches);
