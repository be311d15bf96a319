//! The station's recorder: what the supervisor tree does goes into the diary, the station's health onto the signal board
//! and, when its word changes, into the diary too.
//!
//! Talks to: the kernel's log of changes, the journal. Never holds the tree up: while the journal is away, changes wait in
//! the kernel's bounded log; what overflows there is counted and told as `changes_missed`.
//! Fails when: never by itself. Started anew, it goes on where the journal knows the [diary](crate::diary).

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, WrapFuture};
use journal::Journal;
use kernel::{Changes, ChildSpec};
use model::{Signal, Source, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::diary::{Diary, Line, Page, SOURCE};
use crate::health::{Health, Word};
use crate::station::Shared;

/// How often health is looked at: trouble outside the tree (a stopped host, a full disk) makes no change in it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long the start of the tree may look unwell without a word about it.
const BOOT_LIMIT: Duration = Duration::from_secs(15);

/// Changes of health that may wait for the journal: when there are more, the oldest give way.
const HEALTH_KEPT: usize = 16;

/// What all incarnations of the recorder know of this run of the service.
struct Run {
    id: u64,
    begun: Timestamp,
    healths: Mutex<Healths>,
    /// Something is new in `healths`.
    news: Notify,
}

impl Run {
    fn begin() -> Run {
        let begun = Timestamp::now();
        Run {
            // The only randomness in the standard library; it has to differ between runs, no more.
            id: RandomState::new().hash_one(begun.unix_ms()),
            begun,
            healths: Mutex::new(Healths::new()),
            news: Notify::new(),
        }
    }

    fn note(&self, health: &Health) {
        if self.healths.lock().note(health) {
            self.news.notify_one();
        }
    }
}

/// The newest changes of health, numbered from 1.
#[derive(Debug)]
struct Healths {
    kept: VecDeque<(u64, Health)>,
    newest: u64,
    word: Word,
}

impl Healths {
    /// A station that has just begun counts as well.
    fn new() -> Healths {
        Healths {
            kept: VecDeque::new(),
            newest: 0,
            word: Word::Well,
        }
    }

    /// Whether this is news: its word is another one than before.
    fn note(&mut self, health: &Health) -> bool {
        if std::mem::replace(&mut self.word, health.health) == health.health {
            return false;
        }
        if self.kept.len() == HEALTH_KEPT {
            self.kept.pop_front();
        }
        self.newest = self.newest.saturating_add(1);
        self.kept.push_back((self.newest, health.clone()));
        true
    }

    fn after(&self, number: u64) -> impl Iterator<Item = &(u64, Health)> {
        self.kept.iter().filter(move |(kept, _)| *kept > number)
    }
}

/// The child `recorder`.
pub(crate) fn child(station: Shared) -> ChildSpec<RecorderActor> {
    let run = Arc::new(Run::begin());
    ChildSpec::new("recorder", move |_| {
        let (station, run) = (station.clone(), Arc::clone(&run));
        Ok(RecorderActor { station, run })
    })
}

/// Keeps the diary and shows the health.
pub(crate) struct RecorderActor {
    station: Shared,
    run: Arc<Run>,
}

impl Actor for RecorderActor {
    type Context = Context<RecorderActor>;

    fn started(&mut self, ctx: &mut Context<RecorderActor>) {
        ctx.spawn(keep_diary(self.station.clone(), Arc::clone(&self.run)).into_actor(self));
        ctx.spawn(watch_health(self.station.clone(), Arc::clone(&self.run)).into_actor(self));
    }
}

kernel::answers_ping!(RecorderActor);

/// Writes on and on, from where the journal knows the diary.
async fn keep_diary(station: Shared, run: Arc<Run>) {
    let supervision = station.supervision.wait().await;
    loop {
        let greeting = Line::Started {
            version: env!("CARGO_PKG_VERSION"),
            demo: station.demo,
        };
        let mut diary = Diary::resume(&station.journal, run.id, greeting.at(run.begun)).await;
        let mut changes = supervision.changes_after(diary.next_page().progress.change);
        while let page = fill(diary.next_page(), &mut changes, &run).await
            && diary.write(page).await.is_ok()
        {}
    }
}

/// Waits until there is something to write, and takes what else is there.
async fn fill(mut page: Page, changes: &mut Changes, run: &Run) -> Page {
    loop {
        for (number, health) in run.healths.lock().after(page.progress.health) {
            page.note_health(*number, health.clone());
        }
        while page.has_room()
            && let Some(heard) = changes.try_next()
        {
            page.hear(heard);
        }
        if !page.is_empty() {
            return page;
        }
        tokio::select! {
            heard = changes.next() => page.hear(heard),
            () = run.news.notified() => {}
        }
    }
}

/// Puts health onto the board whenever it changes, and before the diary when its word does.
async fn watch_health(station: Shared, run: Arc<Run>) {
    let supervision = station.supervision.wait().await;
    let _booted_or_overdue = tokio::time::timeout(BOOT_LIMIT, supervision.booted()).await.is_ok();
    let mut shown: Option<Health> = None;
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        let health = station.health.look(supervision, &station.journal);
        run.note(&health);
        if shown.as_ref() != Some(&health) {
            show(&station.journal, &health);
            shown = Some(health);
        }
    }
}

fn show(journal: &Journal, health: &Health) {
    let Ok(data) = serde_json::value::to_raw_value(health) else {
        return;
    };
    let fits = journal.signals().set(Signal {
        at: Timestamp::now(),
        source: Source::new(SOURCE),
        name: "health".into(),
        data: data.into(),
    });
    if !fits {
        tracing::warn!("signal board full, health not shown");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(healths: &Healths, after: u64) -> Vec<u64> {
        healths.after(after).map(|(number, _)| *number).collect()
    }

    fn health(word: Word) -> Health {
        Health {
            health: word,
            since: Timestamp::from_unix_ms(0),
            causes: Vec::new(),
        }
    }

    #[test]
    fn word_of_health_is_news_once_and_stays_so_until_the_diary_has_it() {
        let mut healths = Healths::new();
        let words = [Word::Well, Word::Down, Word::Down, Word::Well];
        assert_eq!(
            words.map(|word| healths.note(&health(word))),
            [false, true, false, true]
        );
        assert_eq!(numbers(&healths, 0), [1, 2]);
        assert_eq!(numbers(&healths, 1), [2]);
        for _ in 0..HEALTH_KEPT {
            healths.note(&health(Word::Down));
            healths.note(&health(Word::Well));
        }
        assert_eq!(numbers(&healths, 0).len(), HEALTH_KEPT, "the oldest give way");
    }
}
