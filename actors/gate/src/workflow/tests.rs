//! Whatever people do in whatever order: no command runs twice, none without those who have to agree, none too late.

use std::collections::BTreeSet;

use model::Verdict;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{AT, command_of};

/// Ann asks; `key:ann` is hers.
fn people() -> Vec<Identity> {
    vec![
        Identity::new("ann", Role::Operator),
        Identity::new("key:ann", Role::Admin).owned_by("ann"),
        Identity::new("bob", Role::Operator),
        Identity::new("key:bob", Role::Operator).owned_by("bob"),
        Identity::new("eve", Role::Viewer),
        Identity::new("root", Role::Admin),
        Identity::new("other-station", Role::Station),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Decide(Act, usize, bool),
    Execute,
    End(u8),
    Expire,
    RollBack,
    /// From here on its time is up.
    TimePasses,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let act = prop_oneof![
        Just(Act::Approve),
        Just(Act::Approve),
        Just(Act::Reject),
        Just(Act::Cancel),
        Just(Act::Override)
    ];
    let one = prop_oneof![
        6 => (act, 0_usize..7, any::<bool>()).prop_map(|(act, who, why)| Move::Decide(act, who, why)),
        3 => Just(Move::Execute),
        2 => (0_u8..3).prop_map(Move::End),
        1 => Just(Move::Expire),
        1 => Just(Move::RollBack),
        1 => Just(Move::TimePasses),
    ];
    prop::collection::vec(one, 0..24)
}

/// Plays the moves; what is refused changes nothing. Says whether its time was up when it was executed.
fn play(mut command: Command, moves: &[Move]) -> (Command, bool) {
    let people = people();
    let (mut due, mut ran_late) = (false, false);
    for step in moves {
        let next = match *step {
            Move::Decide(act, who, why) => {
                let reason = if why { "because" } else { " " };
                let said = decide(&command, act, &people[who], (reason, AT), due);
                let agreed = said.is_ok() && matches!(act, Act::Approve | Act::Override);
                assert!(!agreed || !due, "{act:?} after its time was up");
                said
            }
            Move::Execute => execute(&command, "0a", AT, due).inspect(|_| ran_late |= due),
            Move::End(0) => end(&command, End::Done(json!(1)), AT),
            Move::End(1) => end(&command, End::Failed("no".to_owned()), AT),
            Move::End(_) => end(&command, End::Unknown("lost".to_owned()), AT),
            Move::Expire => expire(&command, AT),
            Move::RollBack => roll_back(&command, &command, AT),
            Move::TimePasses => {
                due = true;
                continue;
            }
        };
        command = next.unwrap_or(command);
    }
    (command, ran_late)
}

fn count(command: &Command, step: Step) -> usize {
    command.events.iter().filter(|taken| taken.step == step).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn command_runs_at_most_once_and_never_late(tier in 1_u8..=4, people in 1_u8..=3, moves in moves()) {
        let tier = Tier::try_from(tier).unwrap();
        let asked = command_of(tier, people, &self::people()[0], json!({}));
        let (command, ran_late) = play(asked, &moves);
        let ran = count(&command, Step::Executing);
        prop_assert!(ran <= 1 && !ran_late);
        let ends = [Step::Done, Step::Failed, Step::Unknown].map(|step| count(&command, step));
        prop_assert!(ends.iter().sum::<usize>() <= ran);
        let closed = [Step::Rejected, Step::Expired, Step::Cancelled, Step::Refused].map(|step| count(&command, step));
        prop_assert!(closed.iter().sum::<usize>() + ran <= 1, "over and run: {:?}", command.events);
        if tier == Tier::Refuse {
            prop_assert_eq!((ran, command.state), (0, CommandState::Refused));
        }
    }

    #[test]
    fn command_runs_only_when_those_agreed_who_have_to(people in 1_u8..=3, second in any::<bool>(), moves in moves()) {
        let (tier, people) = if second { (Tier::Approve, people) } else { (Tier::Confirm, 1) };
        let (command, _) = play(command_of(tier, people, &self::people()[0], json!({})), &moves);
        if count(&command, Step::Executing) == 0 {
            return Ok(());
        }
        let overrides = command.decisions.iter().filter(|decision| decision.decision == Verdict::Override);
        let overridden: Vec<&Decision> = overrides.collect();
        prop_assert!(overridden.iter().all(|by| by.role == Role::Admin && !by.reason.trim().is_empty()));
        let voices: BTreeSet<&str> = command
            .decisions
            .iter()
            .filter(|decision| matches!(decision.decision, Verdict::Approved | Verdict::Confirmed))
            .inspect(|decision| assert!(decision.role.covers(Role::Operator)))
            .map(Decision::person)
            .collect();
        prop_assert!(!overridden.is_empty() || voices.len() >= usize::from(people));
        prop_assert!(tier == Tier::Confirm || !voices.contains("ann"), "approved by whoever asked: {voices:?}");
    }
}

#[test]
fn requester_cannot_approve_with_a_key_of_theirs_and_can_override_as_admin() {
    let asked = command_of(Tier::Approve, 1, &people()[0], json!({}));
    let key = &people()[1];
    assert_eq!(
        decide(&asked, Act::Approve, key, ("x", AT), false),
        Err(Refusal::OwnRequest)
    );
    assert_eq!(
        decide(&asked, Act::Override, key, (" ", AT), false),
        Err(Refusal::NoReason)
    );
    let overridden = decide(&asked, Act::Override, key, ("fire", AT), false).unwrap();
    assert_eq!(overridden.state, CommandState::Approved);
    assert_eq!(overridden.decisions[0].decision, Verdict::Override);
}

#[test]
fn two_approvals_come_from_two_people() {
    let asked = command_of(Tier::Approve, 2, &people()[0], json!({}));
    let once = decide(&asked, Act::Approve, &people()[2], ("x", AT), false).unwrap();
    assert_eq!(once.state, CommandState::Requested);
    let again = decide(&once, Act::Approve, &people()[3], ("x", AT), false);
    assert_eq!(again, Err(Refusal::Twice("bob".to_owned())));
    let twice = decide(&once, Act::Approve, &people()[5], ("x", AT), false).unwrap();
    assert_eq!(twice.state, CommandState::Approved);
}

#[test]
fn wrong_role_is_told_the_one_that_is_needed() {
    let asked = command_of(Tier::Confirm, 1, &people()[0], json!({}));
    let refused = decide(&asked, Act::Approve, &people()[4], ("x", AT), false);
    assert_eq!(refused, Err(Refusal::Role { needed: Role::Operator }));
    let refused = decide(&asked, Act::Override, &people()[0], ("x", AT), false);
    assert_eq!(refused, Err(Refusal::Role { needed: Role::Admin }));
}

#[test]
fn unknown_outcome_stays_until_somebody_has_looked() {
    let asked = command_of(Tier::Free, 0, &people()[0], json!({}));
    let running = execute(&asked, "0a", AT, false).unwrap();
    let lost = end(&running, End::Unknown("killed".to_owned()), AT).unwrap();
    assert!(lost.is_open());
    let seen = decide(&lost, Act::Cancel, &people()[2], ("looked", AT), true).unwrap();
    assert_eq!((seen.state, seen.is_open()), (CommandState::Unknown, false));
    assert!(decide(&seen, Act::Cancel, &people()[2], ("again", AT), true).is_err());
}
