//! The audit in its file: what SQL refuses, and what the chain finds where SQL was made to agree.

use std::path::Path;

use journal::Append;
use model::{CommandState, NewEvent, Seq, Source, Tier, Timestamp};
use rusqlite::Connection;
use serde_json::value::RawValue;
use stationd_gate::chain::Fault;
use stationd_gate::query::{self, Verified};

use crate::support::{House, LIMIT, Lamp, Place, ann, seal};

/// Three commands, nine rows.
async fn written() -> Place {
    let (place, lamp) = (Place::new(), Lamp::default());
    let house = House::open(&place, &lamp, Tier::Free).await;
    for on in [true, false, true] {
        assert_eq!(house.switch(&ann(), on).await.state, CommandState::Done);
    }
    house.close().await;
    place
}

fn verify(file: &Path) -> Verified {
    query::verify_file(file, &seal(), None).unwrap()
}

/// Does to the file what whoever owns the disk can do.
fn tamper(file: &Path, sql: &str) {
    let connection = Connection::open(file).unwrap();
    connection
        .execute_batch("DROP TRIGGER audit_is_next; DROP TRIGGER audit_stays; DROP TRIGGER audit_is_kept;")
        .unwrap();
    connection.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn audit_has_a_row_for_every_step_and_verifies() {
    let place = written().await;
    let found = verify(&place.file());
    assert_eq!((found.ok, found.checked, found.fault), (true, 9, None));
    let connection = Connection::open(place.file()).unwrap();
    let page = query::audit(&connection, &seal(), None, 4).unwrap();
    assert!(page.verified.ok);
    assert_eq!((page.items.len(), page.verified.checked), (4, 4));
    let last = page.items.last().unwrap();
    let older = query::audit(&connection, &seal(), Some(last.seq), 100).unwrap();
    assert!(older.verified.ok);
    assert_eq!(older.items.len(), 5);
    let first = older.items.last().unwrap();
    assert_eq!(
        (first.who.as_str(), first.role.as_str(), first.step.as_str()),
        ("ann", "operator", "command_requested")
    );
    assert!(first.detail.contains("it is dark"), "{}", first.detail);
}

#[tokio::test]
async fn audit_refuses_update_delete_and_replace() {
    let place = written().await;
    let connection = Connection::open(place.file()).unwrap();
    for recursive in [false, true] {
        connection.pragma_update(None, "recursive_triggers", recursive).unwrap();
        for sql in [
            "UPDATE audit SET who = 'eve' WHERE number = 2",
            "UPDATE OR REPLACE audit SET number = 3 WHERE number = 2",
            "DELETE FROM audit WHERE number = 9",
            "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE number = 2",
            "REPLACE INTO audit SELECT 10, seq, at_ms, who, role, step, command_id, target, verb, detail, hash
             FROM audit WHERE number = 2",
            "INSERT INTO audit SELECT * FROM audit WHERE number = 9",
        ] {
            let refused = connection.execute(sql, []).unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{sql}: {refused}");
        }
    }
    assert!(verify(&place.file()).ok);
}

#[tokio::test]
async fn tampered_file_is_told_with_its_first_row() {
    let altered = |number, seq| Some(Fault::Altered { number, seq: Seq(seq) });
    let cases = [
        ("UPDATE audit SET who = 'eve' WHERE number = 4", altered(4, 4)),
        ("DELETE FROM audit WHERE number = 4", Some(Fault::Missing { number: 4 })),
        (
            "DELETE FROM audit WHERE number > 7",
            Some(Fault::Truncated { found: 7, expected: 9 }),
        ),
        (
            "INSERT INTO audit SELECT 10, 99, at_ms, who, role, step, command_id, target, verb, detail, hash
             FROM audit WHERE number = 9",
            altered(10, 99),
        ),
        ("UPDATE audit_head SET rows = 8", Some(Fault::Head)),
        (
            "DELETE FROM audit; DELETE FROM audit_head",
            Some(Fault::Untold { seq: Seq(1) }),
        ),
    ];
    for (sql, fault) in cases {
        let place = written().await;
        tamper(&place.file(), sql);
        let found = verify(&place.file());
        assert_eq!((found.ok, found.fault), (false, fault), "{sql}");
    }
}

#[tokio::test]
async fn head_that_was_noted_elsewhere_proves_that_nothing_was_written_anew() {
    let place = written().await;
    let noted = verify(&place.file()).head;
    let other = written().await;
    let check = |place: &Place| query::verify_file(&place.file(), &seal(), Some(&noted)).unwrap();
    assert!(check(&place).ok);
    assert_eq!(check(&other).fault, Some(Fault::Rewritten));
}

#[tokio::test]
async fn what_happens_to_accounts_is_in_the_audit_as_it_was_told() {
    let (place, lamp) = (Place::new(), Lamp::default());
    let house = House::open(&place, &lamp, Tier::Free).await;
    let told = |event_type: &str, data: &str| NewEvent {
        at: Timestamp::now(),
        source: Source::new("access"),
        event_type: event_type.into(),
        data: RawValue::from_string(data.to_owned()).unwrap().into(),
    };
    let append = Append {
        producer: "access".to_owned(),
        events: vec![
            told("key_added", r#"{"name":"pager","by":"ann"}"#),
            told("session_started", r#"{"user":"bob"}"#),
            told("sign_ins_refused", r#"{"user":null,"count":3}"#),
        ],
        checkpoint: None,
    };
    house.journal.append(append, LIMIT).await.unwrap();
    let read = |connection: &_| query::audit(connection, &seal(), None, 10);
    let page = house.journal.read(read).unwrap();
    let rows: Vec<_> = page
        .items
        .iter()
        .map(|row| (row.who.as_str(), row.target.as_str()))
        .collect();
    assert_eq!(rows, [("", ""), ("bob", "bob"), ("ann", "pager")]);
    assert!(page.verified.ok && page.items[0].detail.contains("3"));
    house.close().await;
}
