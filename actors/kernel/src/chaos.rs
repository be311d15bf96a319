//! Trouble on purpose: children that panic, fail or hang in the middle of their work, for tests of whole stations.
//!
//! Only with the feature `chaos`, which no release has. Each child has a timetable of its own, which follows from the seed
//! and its path: one strike in each period, at a random moment of it, by one kind after the other. A strike that finds the
//! child down waits for its next incarnation. Its moment wakes the child, so that idle ones are struck too.
//!
//! A plan in words: `seed=1 for_s=20 every_ms=4000 kinds=panic,error,hang children=repeater/*; every_ms=15000 …`. Each
//! part is a rule; the first that names a child is its own. `seed` and `for_s` hold for all.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::OnceLock;
use std::task::Context as TaskContext;
use std::thread;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, Context};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::time::Sleep;

use crate::exit::ExitReason;
use crate::id::ChildPath;
use crate::life::Life;

/// How often a hanging child looks whether it was given up.
const HANG_STEP: Duration = Duration::from_millis(10);
/// A hang that nobody notices ends by itself, so that a test fails instead of standing still. Longer than any limit.
const LONGEST_HANG: Duration = Duration::from_secs(180);
/// What struck children say.
const CHAOS: &str = "chaos";
/// How long an incarnation lives at least, should its strike be overdue: it is up by then.
const SHORTEST_LIFE: Duration = Duration::from_millis(200);

static PLAN: OnceLock<(Instant, Chaos)> = OnceLock::new();
/// How many strikes each child is past.
static STRIKES: Mutex<BTreeMap<ChildPath, u32>> = Mutex::new(BTreeMap::new());

/// A way to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Panic,
    Error,
    /// Until the watchdog gives the thread up. Then the incarnation goes on, fenced.
    Hang,
}

/// Why a plan is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not understood in a plan for chaos: {0:?}")]
pub struct BadPlan(String);

/// Who is to be struck, how, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chaos {
    seed: u64,
    lasts: Option<Duration>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rule {
    /// The period: one strike in each.
    every: Duration,
    /// By turns.
    kinds: Vec<Kind>,
    /// Paths; one that ends in `*` names all that begin so.
    children: Vec<String>,
}

impl Rule {
    fn names(&self, path: &str) -> bool {
        self.children.iter().any(|child| match child.strip_suffix('*') {
            Some(beginning) => path.starts_with(beginning),
            None => path == child,
        })
    }
}

impl FromStr for Chaos {
    type Err = BadPlan;

    fn from_str(text: &str) -> Result<Chaos, BadPlan> {
        let mut chaos = Chaos::default();
        for part in text.split(';') {
            let mut rule = Rule::default();
            for word in part.split_ascii_whitespace() {
                chaos.note(&mut rule, word).ok_or_else(|| BadPlan(word.to_owned()))?;
            }
            if rule.every.is_zero() || rule.kinds.is_empty() || rule.children.is_empty() {
                return Err(BadPlan(part.to_owned()));
            }
            chaos.rules.push(rule);
        }
        Ok(chaos)
    }
}

impl Chaos {
    fn note(&mut self, rule: &mut Rule, word: &str) -> Option<()> {
        let (key, value) = word.split_once('=')?;
        match key {
            "seed" => self.seed = value.parse().ok()?,
            "for_s" => self.lasts = Some(Duration::from_secs(value.parse().ok()?)),
            "every_ms" => rule.every = Duration::from_millis(value.parse().ok()?),
            "kinds" => rule.kinds = value.split(',').map(kind).collect::<Option<_>>()?,
            "children" => rule.children = value.split(',').map(str::to_owned).collect(),
            _ => return None,
        }
        Some(())
    }

    /// When a child is struck for the time `strike` (from 0), and how.
    fn strike(&self, path: &ChildPath, strike: u32) -> Option<(Duration, Kind)> {
        let path = path.to_string();
        let rule = self.rules.iter().find(|rule| rule.names(&path))?;
        let percent = u32::try_from(self.noise((&path, strike)) % 100).ok()?;
        let moment = rule.every * strike + rule.every * percent / 100;
        let turn = usize::try_from(self.noise(&path) % 64).ok()? + usize::try_from(strike).ok()?;
        let kind = rule.kinds.get(turn % rule.kinds.len())?;
        self.lasts.is_none_or(|lasts| moment < lasts).then_some((moment, *kind))
    }

    fn noise(&self, of: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, of).hash(&mut hasher);
        hasher.finish()
    }
}

fn kind(word: &str) -> Option<Kind> {
    match word {
        "panic" => Some(Kind::Panic),
        "error" => Some(Kind::Error),
        "hang" => Some(Kind::Hang),
        _ => None,
    }
}

/// From now on children are struck. The first plan of a process holds.
pub fn unleash(chaos: Chaos) {
    let (_, plan) = PLAN.get_or_init(|| (Instant::now(), chaos));
    tracing::warn!(?plan, "children are struck on purpose");
}

/// What is in store for an incarnation.
pub(crate) struct Fate {
    kind: Kind,
    due: Pin<Box<Sleep>>,
}

impl Fate {
    /// `None`: it may live. Asked on its own thread.
    pub(crate) fn of(life: &Life) -> Option<Fate> {
        let (began, chaos) = PLAN.get()?;
        let strike = STRIKES.lock().get(&life.path).copied().unwrap_or(0);
        let (moment, kind) = chaos.strike(&life.path, strike)?;
        let lives = moment.saturating_sub(began.elapsed()).max(SHORTEST_LIFE);
        Some(Fate {
            kind,
            due: Box::pin(tokio::time::sleep(lives)),
        })
    }

    /// Strikes if it is time. In a poll of the child, stamped and contained like its own work.
    pub(crate) fn meet<A: Actor<Context = Context<A>>>(
        fate: &mut Option<Fate>,
        life: &Life,
        ctx: &mut Context<A>,
        cx: &mut TaskContext<'_>,
    ) {
        if let Some(struck) = fate.take_if(|fate| fate.due.as_mut().poll(cx).is_ready()) {
            struck.kind.strike(life, ctx);
        }
    }
}

/// An end by a strike: the next one is by another kind. A struck child that is overtaken by its neighbour's end, or that has
/// work to finish and is stopped over it, is struck again the same way.
pub(crate) fn note_end(life: &Life, reason: &ExitReason) {
    let said = matches!(reason, ExitReason::Panicked { message, .. } | ExitReason::Failed(message) if message == CHAOS);
    if said || matches!(reason, ExitReason::Hung { .. }) {
        *STRIKES.lock().entry(life.path.clone()).or_default() += 1;
    }
}

impl Kind {
    #[allow(clippy::panic, reason = "that is what it is for")]
    fn strike<A: Actor<Context = Context<A>>>(self, life: &Life, ctx: &mut Context<A>) {
        match self {
            Kind::Panic => panic!("{CHAOS}"),
            Kind::Error => {
                life.fail(CHAOS.to_owned());
                ctx.stop();
            }
            Kind::Hang => hang(life),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a thread that stands still is what it is for")]
fn hang(life: &Life) {
    let since = Instant::now();
    while !life.is_revoked() && since.elapsed() < LONGEST_HANG {
        thread::sleep(HANG_STEP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str =
        "seed=7 for_s=20 every_ms=4000 kinds=panic,hang children=a/*; every_ms=100 kinds=error children=b";

    #[test]
    fn plan_strikes_each_child_once_a_period_by_all_kinds_in_turn_and_always_the_same() {
        let chaos: Chaos = PLAN.parse().unwrap();
        let (child, other): (ChildPath, ChildPath) = ("a/x".parse().unwrap(), "b".parse().unwrap());
        let strikes: Vec<_> = (0..6).map_while(|strike| chaos.strike(&child, strike)).collect();
        assert_eq!(strikes.len(), 5, "for 20 s");
        for (period, (moment, _)) in (0..).zip(&strikes) {
            assert_eq!(moment.as_millis() / 4000, period);
        }
        assert!(strikes.windows(2).all(|pair| pair[0].1 != pair[1].1));
        assert_eq!(
            chaos.strike(&child, 3),
            PLAN.parse::<Chaos>().unwrap().strike(&child, 3)
        );
        assert_eq!(chaos.strike(&other, 0).unwrap().1, Kind::Error);
        assert_eq!(chaos.strike(&"c".parse().unwrap(), 0), None);
    }

    #[test]
    fn plan_with_a_word_that_is_none_is_refused() {
        for plan in [
            "",
            "seed=1",
            "every_ms=1 kinds=flood children=a",
            "every_ms=1 kinds=panic children=a often=1",
        ] {
            assert!(plan.parse::<Chaos>().is_err(), "{plan}");
        }
    }
}
