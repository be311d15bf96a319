//! Clocks that jump: the order is that of `seq`, whatever the events say of their time.

use model::Seq;

use super::*;
use crate::EventQuery;
use crate::store::{events, start};

/// A clock without a battery, then the network's time, a jump back, a forged future, the ends of all time.
const TIMES: [i64; 8] = [
    0,
    9_000,
    1_795_000_000_000,
    1_794_000_000_000,
    4_070_908_800_000,
    i64::MAX,
    i64::MIN,
    1_795_000_001_000,
];

#[test]
fn events_of_1970_and_the_future_keep_their_order_over_reopening_and_replay() {
    let place = Place::with(vec![Box::new(Tally)]);
    for at in TIMES {
        commit(&mut place.open().unwrap(), append(vec![event("a", "x", at)])).unwrap();
    }
    let opened = start(&place.config(), &place.home).unwrap();
    assert_eq!((opened.head, opened.set_aside), (Seq(8), None));
    let store = place.open().unwrap();
    let replayed: Vec<_> = store
        .page(Seq(1))
        .unwrap()
        .events
        .iter()
        .map(|event| event.at.unix_ms())
        .collect();
    assert_eq!(replayed, TIMES);
}

#[test]
fn query_by_time_answers_in_order_of_seq_although_time_went_back() {
    let place = Place::new();
    let mut store = place.open().unwrap();
    commit(&mut store, append(TIMES.map(|at| event("a", "x", at)).to_vec())).unwrap();
    let query = EventQuery {
        from: Some(Timestamp::from_unix_ms(1_794_000_000_000)),
        to: Some(Timestamp::from_unix_ms(1_795_000_002_000)),
        ..EventQuery::default()
    };
    let found: Vec<_> = events(&store.connection, &query)
        .unwrap()
        .iter()
        .map(|event| event.seq.0)
        .collect();
    assert_eq!(found, [3, 4, 8]);
}
