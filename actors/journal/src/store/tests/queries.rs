//! Queries: the same answer as a naive walk, without walking.

use model::Seq;
use proptest::prelude::*;

use super::*;
use crate::store::{events, page};
use crate::{EventFilter, EventQuery, Order};

const SOURCES: [&str; 4] = ["a", "a.b", "a.b.c", "z"];

fn any_event() -> impl Strategy<Value = NewEvent> {
    (0..4usize, 0..6u8, 0..50i64).prop_map(|(source, kind, at)| event(SOURCES[source], &format!("type_{kind}"), at))
}

fn any_query() -> impl Strategy<Value = EventQuery> {
    let position = || proptest::option::of((0..70u64).prop_map(Seq));
    let time = || proptest::option::of((-5..55i64).prop_map(Timestamp::from_unix_ms));
    let sources = proptest::collection::vec(proptest::sample::select(vec!["a", "a.b.*", "z", "nobody", "*"]), 0..3);
    let types = proptest::collection::vec((0..7u8).prop_map(|kind| format!("type_{kind}")), 0..3);
    let order = proptest::sample::select(vec![Order::OldestFirst, Order::NewestFirst]);
    (position(), position(), time(), time(), sources, types, order, 0..30u32).prop_map(
        |(after, before, from, to, sources, types, order, limit)| EventQuery {
            after,
            before,
            from,
            to,
            filter: EventFilter {
                sources: sources.into_iter().map(String::from).collect(),
                types,
            },
            order,
            limit,
        },
    )
}

fn naive(all: &[Arc<Event>], query: &EventQuery) -> Vec<Seq> {
    let wanted = |event: &&Arc<Event>| {
        query.after.is_none_or(|after| event.seq > after)
            && query.before.is_none_or(|before| event.seq < before)
            && query.from.is_none_or(|from| event.at >= from)
            && query.to.is_none_or(|to| event.at < to)
            && query.filter.matches(event)
    };
    let mut found: Vec<Seq> = all.iter().filter(wanted).map(|event| event.seq).collect();
    if query.order == Order::NewestFirst {
        found.reverse();
    }
    found.truncate(usize::try_from(query.limit).unwrap());
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn query_answers_like_a_naive_walk(
        stored in proptest::collection::vec(any_event(), 0..60),
        queries in proptest::collection::vec(any_query(), 20),
    ) {
        let place = Place::new();
        let mut store = place.open().unwrap();
        let all = commit(&mut store, append(stored)).unwrap().events;
        for query in queries {
            let found: Vec<Seq> = events(&store.connection, &query).unwrap().iter().map(|event| event.seq).collect();
            prop_assert_eq!(found, naive(&all, &query), "{:?}", query);
        }
    }
}

#[test]
fn replay_in_pages_yields_every_wanted_event_once() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    let kinds = ["x", "x", "y", "x", "x"];
    let stored = (0..3000).map(|at| event("a", kinds[at % 5], i64::try_from(at).unwrap()));
    let all = commit(&mut store, append(stored.collect())).unwrap().events;
    let filter = EventFilter {
        sources: vec![],
        types: vec!["x".into()],
    };
    let (mut next, mut seen) = (Seq(1), Vec::new());
    while next <= Seq(3000) {
        let step = page(&store.connection, next, &filter).unwrap();
        assert!(step.next > next && step.events.len() <= 256);
        seen.extend(step.events.iter().map(|event| event.seq));
        next = step.next;
    }
    let wanted: Vec<Seq> = all
        .iter()
        .filter(|event| filter.matches(event))
        .map(|event| event.seq)
        .collect();
    assert_eq!((next, seen), (Seq(3001), wanted));
}

#[test]
fn page_of_large_events_ends_early() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    let mut large = event("a", "x", 1);
    large.data = Arc::from(RawValue::from_string(format!("\"{}\"", "x".repeat(200_000))).unwrap());
    commit(&mut store, append(vec![large; 20])).unwrap();
    let step = store.page(Seq(1)).unwrap();
    assert_eq!((step.events.len(), step.next), (6, Seq(7)));
}

#[test]
fn filtered_query_merges_index_ranges_and_sorts_nothing() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    commit(
        &mut store,
        append(vec![event("a", "x", 1), event("a", "y", 2), event("b", "z", 3)]),
    )
    .unwrap();
    let filter = EventFilter::sources(["a"]);
    let sql = super::super::read::statement(&store.connection, &filter, Order::NewestFirst)
        .unwrap()
        .unwrap();
    let mut explain = store.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let plan: Vec<String> = explain
        .raw_query()
        .mapped(|row| row.get(3))
        .map(Result::unwrap)
        .collect();
    let plan = plan.join("\n");
    assert!(
        plan.contains("MERGE (UNION ALL)") && plan.contains("kind=? AND rowid>? AND rowid<?"),
        "{plan}"
    );
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
