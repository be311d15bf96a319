//! What the gate promises while it, the journal and the whole service come and go.

use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{CommandState, Identity, Role, Tier, Timestamp};
use serde_json::json;
use stationd_gate::workflow::{Act, Refusal};
use stationd_gate::{GateError, NoRoom};

use crate::support::{House, LIMIT, Lamp, Place, ann, bob, fix, root, set};

#[tokio::test]
async fn command_of_tier_1_runs_at_once_and_is_undone_by_another() {
    let (place, lamp) = (Place::new(), Lamp::default());
    let house = House::open(&place, &lamp, Tier::Free).await;
    let done = house.switch(&ann(), true).await;
    assert_eq!(
        (done.state, done.outcome.as_ref()),
        (CommandState::Done, Some(&json!({ "on": true })))
    );
    assert_eq!(
        house.steps(),
        ["command_requested", "command_executing", "command_done"]
    );
    assert_eq!(house.command(done.id), done, "the journal has it as it was answered");

    let undone = house.gate.roll_back(done.id, &ann(), "too bright").await.unwrap();
    let undone = house.gate.ended(undone, LIMIT).await;
    assert_eq!((undone.state, undone.rolls_back), (CommandState::Done, Some(done.id)));
    assert_eq!(house.command(done.id).state, CommandState::RolledBack);
    assert!(!lamp.is_on.load(Ordering::SeqCst));
    let again = house.gate.roll_back(done.id, &ann(), "").await;
    assert!(
        matches!(again, Err(GateError::Refused(Refusal::State { .. }))),
        "{again:?}"
    );
    house.close().await;
}

#[tokio::test]
async fn command_of_tier_3_waits_for_somebody_else() {
    let (place, lamp) = (Place::new(), Lamp::default());
    let house = House::open(&place, &lamp, Tier::Approve).await;
    let asked = house.switch(&ann(), true).await;
    assert_eq!((asked.state, house.gate.status().waiting), (CommandState::Requested, 1));
    let key = Identity::new("key:ann", Role::Admin).owned_by("ann");
    for own in [ann(), key] {
        let refused = house.gate.decide(asked.id, Act::Approve, &own, "").await;
        assert_eq!(refused.unwrap_err(), GateError::Refused(Refusal::OwnRequest));
    }
    assert_eq!(lamp.switched.load(Ordering::SeqCst), 0);
    let approved = house.gate.decide(asked.id, Act::Approve, &bob(), "fine").await.unwrap();
    assert_eq!(house.gate.ended(approved, LIMIT).await.state, CommandState::Done);
    let again = house.gate.decide(asked.id, Act::Approve, &root(), "").await;
    assert!(again.is_err());
    assert_eq!(
        (lamp.switched.load(Ordering::SeqCst), house.gate.status().waiting),
        (1, 0)
    );
    house.close().await;
}

#[tokio::test]
async fn waiting_command_survives_a_restart_of_the_service_and_is_approved_then() {
    let (place, lamp) = (Place::new(), Lamp::default());
    let house = House::open(&place, &lamp, Tier::Approve).await;
    let asked = house.switch(&ann(), true).await;
    house.close().await;
    let house = House::open(&place, &lamp, Tier::Approve).await;
    assert_eq!(house.gate.status().waiting, 1);
    let approved = house.gate.decide(asked.id, Act::Approve, &bob(), "fine").await.unwrap();
    assert_eq!(house.gate.ended(approved, LIMIT).await.state, CommandState::Done);
    let next = house.switch(&ann(), true).await;
    assert_eq!(next.id.0, asked.id.0 + 1, "numbers go on");
    house.close().await;
}

#[tokio::test]
async fn refused_tier_is_noted_and_never_runs() {
    let (place, lamp) = (Place::new(), Lamp::default());
    let house = House::open(&place, &lamp, Tier::Refuse).await;
    assert_eq!(house.switch(&root(), true).await.state, CommandState::Refused);
    assert_eq!(house.steps(), ["command_requested", "command_refused"]);
    assert_eq!(lamp.switched.load(Ordering::SeqCst), 0);
    house.close().await;
}

#[tokio::test]
async fn command_whose_time_is_up_expires_and_is_not_approved_any_more() {
    let (place, lamp) = (Place::new(), Lamp::default());
    let house = House::open(&place, &lamp, Tier::Approve).await;
    let mut order = set(true);
    order.not_after = Some(Timestamp::now().plus(Duration::from_millis(300)));
    let asked = house.gate.submit(order, &ann()).await.unwrap().command;
    house.until(asked.id, CommandState::Expired).await;
    let late = house.gate.decide(asked.id, Act::Approve, &bob(), "").await;
    assert!(
        matches!(late, Err(GateError::Refused(Refusal::State { .. }))),
        "{late:?}"
    );
    let mut past = set(true);
    past.not_after = Some(Timestamp::now().minus(Duration::from_secs(1)));
    let refused = house.gate.submit(past, &ann()).await;
    assert_eq!(refused.unwrap_err(), GateError::Refused(Refusal::Expired));
    assert_eq!(lamp.switched.load(Ordering::SeqCst), 0);
    house.close().await;
}

#[tokio::test]
async fn gate_that_is_restarted_while_a_command_runs_notes_its_end() {
    let place = Place::new();
    let (lamp, key) = Lamp::stuck();
    let house = House::open(&place, &lamp, Tier::Free).await;
    let running = house.gate.submit(set(true), &ann()).await.unwrap();
    house.until(running.command.id, CommandState::Executing).await;
    house.supervision.restart(&House::path("gate")).await.unwrap();
    key.add_permits(1);
    assert_eq!(house.gate.ended(running, LIMIT).await.state, CommandState::Done);
    assert_eq!(lamp.switched.load(Ordering::SeqCst), 1);
    house.close().await;
}

#[tokio::test]
async fn command_that_ran_when_the_service_ended_is_unknown_until_somebody_has_looked() {
    let place = Place::new();
    let (lamp, key) = Lamp::stuck();
    let house = House::open(&place, &lamp, Tier::Free).await;
    let running = house.gate.submit(set(true), &ann()).await.unwrap().command;
    house.close().await;
    key.add_permits(1);

    let house = House::open(&place, &lamp, Tier::Free).await;
    let lost = house.until(running.id, CommandState::Unknown).await;
    assert!(lost.error.is_some());
    assert_eq!(house.gate.status().unknown, [running.id]);
    assert_eq!(lamp.switched.load(Ordering::SeqCst), 0, "it is not run again");
    house.close().await;

    let house = House::open(&place, &lamp, Tier::Free).await;
    assert_eq!(
        house.gate.status().unknown,
        [running.id],
        "no restart makes it forgotten"
    );
    let seen = house
        .gate
        .decide(running.id, Act::Cancel, &bob(), "lamp is off")
        .await
        .unwrap();
    assert_eq!(seen.command.state, CommandState::Unknown);
    assert!(house.gate.status().unknown.is_empty() && house.open_commands().is_empty());
    house.close().await;
}

#[tokio::test]
async fn command_that_the_journal_does_not_take_is_not_run_and_a_repair_is() {
    let (place, lamp) = (Place::new(), Lamp::default());
    let house = House::open(&place, &lamp, Tier::Free).await;
    house.supervision.stop(&House::path("journal")).await.unwrap();
    let refused = house.gate.submit(set(true), &ann()).await;
    assert_eq!(refused.unwrap_err(), GateError::Journal);
    let repair = house.gate.submit(fix(), &ann()).await.unwrap();
    let repaired = house.gate.ended(repair, LIMIT).await;
    assert_eq!(
        (repaired.state, lamp.switched.load(Ordering::SeqCst)),
        (CommandState::Done, 1)
    );
    assert!(house.gate.status().unsaved > 0);

    house.supervision.start(&House::path("journal")).await.unwrap();
    house.until(repaired.id, CommandState::Done).await;
    let first = model::CommandId(repaired.id.0 - 1);
    let not_run = house.until(first, CommandState::Failed).await;
    assert!(not_run.error.unwrap().contains("not run"));
    assert_eq!(lamp.switched.load(Ordering::SeqCst), 1);
    let done = house.switch(&ann(), false).await;
    assert_eq!(done.state, CommandState::Done, "the gate goes on");
    house.close().await;
}

#[tokio::test]
async fn repair_goes_on_without_the_gate_and_nothing_else_does() {
    let (place, lamp) = (Place::new(), Lamp::default());
    let house = House::open(&place, &lamp, Tier::Free).await;
    house.supervision.stop(&House::path("gate")).await.unwrap();
    let refused = house.gate.submit(set(true), &ann()).await;
    assert_eq!(refused.unwrap_err(), GateError::Unavailable);
    let repaired = house
        .gate
        .ended(house.gate.submit(fix(), &ann()).await.unwrap(), LIMIT)
        .await;
    assert_eq!(
        (repaired.state, lamp.switched.load(Ordering::SeqCst)),
        (CommandState::Done, 1)
    );
    house.supervision.start(&House::path("gate")).await.unwrap();
    house.until(repaired.id, CommandState::Done).await;
    house.close().await;
}

#[tokio::test]
async fn one_person_cannot_fill_the_gate() {
    let (place, lamp) = (Place::new(), Lamp::default());
    let house = House::open(&place, &lamp, Tier::Approve).await;
    let refused = loop {
        match house.gate.submit(set(true), &ann()).await {
            Ok(_) => assert!(house.gate.status().waiting <= 16),
            Err(error) => break error,
        }
    };
    assert_eq!(refused, GateError::NoRoom(NoRoom::Person("ann".to_owned())));
    assert_eq!(house.switch(&bob(), true).await.state, CommandState::Requested);
    let viewer = Identity::new("eve", Role::Viewer);
    let refused = house.gate.submit(set(true), &viewer).await.unwrap_err();
    assert_eq!(refused, GateError::Refused(Refusal::Role { needed: Role::Operator }));
    house.close().await;
}
