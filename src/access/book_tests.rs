//! The rules of the book.

use super::*;

const NOW: Timestamp = Timestamp::from_unix_ms(1_000_000);

fn hash() -> Hash {
    serde_json::from_str(&format!("\"{}\"", "ab".repeat(32))).unwrap()
}

fn add_user(name: &str, role: Role) -> Change {
    Change::AddUser {
        name: name.to_owned(),
        role,
        password: "$argon2id$secret".to_owned(),
    }
}

fn add_key(id: &str, name: &str, role: Role, expires_at: Option<Timestamp>) -> Change {
    Change::AddKey {
        id: id.to_owned(),
        name: name.to_owned(),
        role,
        hash: hash(),
        expires_at,
    }
}

fn session(id: &str, user: &str) -> Change {
    Change::StartSession {
        id: id.to_owned(),
        user: user.to_owned(),
        hash: hash(),
        address: Some(IpAddr::from([192, 0, 2, 7])),
        agent: "browser".to_owned(),
    }
}

/// An admin, a viewer, and a session of each.
fn book() -> Book {
    let mut book = Book::default();
    for change in [
        add_user("ann", Role::Admin),
        add_user("vic", Role::Viewer),
        session("s1", "ann"),
        session("s2", "vic"),
    ] {
        book.apply(change, "test", NOW).unwrap();
    }
    book
}

#[test]
fn first_account_is_an_admins() {
    let mut book = Book::default();
    let soon = NOW.plus(Duration::from_secs(1));
    for change in [
        add_user("vic", Role::Viewer),
        add_key("1", "dash", Role::Operator, None),
        add_key("1", "dash", Role::Admin, Some(soon)),
    ] {
        assert_eq!(book.apply(change, "test", NOW), Err(Refusal::FirstIsAdmin));
        assert!(!book.has_accounts());
    }
    assert!(book.apply(add_key("1", "root", Role::Admin, None), "test", NOW).is_ok());
}

#[test]
fn last_admin_can_neither_go_nor_step_down() {
    let mut book = book();
    let step_down = Change::SetUser {
        name: "ann".to_owned(),
        role: Some(Role::Viewer),
        password: None,
    };
    let go = Change::RemoveUser { name: "ann".to_owned() };
    for change in [step_down.clone(), go.clone()] {
        assert_eq!(book.apply(change, "test", NOW), Err(Refusal::LastAdmin));
    }
    assert_eq!(book.users["ann"].role, Role::Admin);
    book.apply(add_key("1", "root", Role::Admin, None), "test", NOW)
        .unwrap();
    assert!(book.apply(go, "test", NOW).is_ok());
}

#[test]
fn lone_admin_cannot_bring_set_up_back() {
    let mut book = Book::default();
    book.apply(add_user("ann", Role::Admin), "test", NOW).unwrap();
    let go = Change::RemoveUser { name: "ann".to_owned() };
    assert_eq!(book.apply(go, "test", NOW), Err(Refusal::LastAdmin));
}

#[test]
fn name_is_given_once() {
    let mut book = book();
    assert_eq!(
        book.apply(add_user("vic", Role::Admin), "test", NOW),
        Err(Refusal::NameTaken("user"))
    );
    book.apply(add_key("1", "dash", Role::Viewer, None), "test", NOW)
        .unwrap();
    let again = add_key("2", "dash", Role::Viewer, None);
    assert_eq!(book.apply(again, "test", NOW), Err(Refusal::NameTaken("key")));
}

#[test]
fn new_password_and_removal_end_the_sessions() {
    for change in [
        Change::SetUser {
            name: "vic".to_owned(),
            role: None,
            password: Some("new".to_owned()),
        },
        Change::RemoveUser { name: "vic".to_owned() },
        Change::EndSessionsOf { user: "vic".to_owned() },
        Change::EndSession { id: "s2".to_owned() },
    ] {
        let mut book = book();
        let facts = book.apply(change, "ann", NOW).unwrap();
        assert_eq!(book.sessions.keys().collect::<Vec<_>>(), ["s1"]);
        let ended = Fact::SessionEnded {
            id: "s2".to_owned(),
            user: "vic".to_owned(),
            by: "ann".to_owned(),
        };
        assert!(facts.contains(&ended), "{facts:?}");
    }
}

#[test]
fn fact_tells_no_secret() {
    let mut book = Book::default();
    let mut facts = Vec::new();
    for change in [
        add_user("ann", Role::Admin),
        Change::SetUser {
            name: "ann".to_owned(),
            role: None,
            password: Some("$argon2id$secret".to_owned()),
        },
        add_key("1", "dash", Role::Viewer, None),
        session("s1", "ann"),
        Change::RevokeKey { id: "1".to_owned() },
    ] {
        facts.extend(book.apply(change, "test", NOW).unwrap());
    }
    let told = serde_json::to_string(&facts).unwrap();
    assert_eq!(facts.len(), 5);
    assert!(!told.contains("argon2") && !told.contains("abab"), "{told}");
}

#[test]
fn session_ends_by_idleness_and_by_age() {
    let hour = Duration::from_secs(3600);
    let lifetime = Lifetime {
        idle: hour,
        whole: 3 * hour,
    };
    let mut book = book();
    let used = |book: &Book, at: Timestamp| book.sessions["s1"].last_used.note(at);
    let is_there = |book: &mut Book, at: Timestamp| {
        book.apply(Change::TidyUp { lifetime }, "test", at).unwrap();
        book.sessions.contains_key("s1")
    };
    let half = Duration::from_secs(1800);
    used(&book, NOW.plus(half));
    assert!(is_there(&mut book, NOW.plus(hour)));
    assert!(!book.sessions.contains_key("s2"), "not used for an hour");
    for step in 2..6 {
        used(&book, NOW.plus(step * half));
    }
    assert!(is_there(&mut book, NOW.plus(5 * half)));
    assert!(
        !is_there(&mut book, NOW.plus(3 * hour)),
        "used all the time, and too old"
    );
}

#[test]
fn book_stays_bounded() {
    let mut book = book();
    for number in 0..60 {
        book.apply(
            session(&format!("n{number:03}"), "ann"),
            "test",
            NOW.plus(Duration::from_secs(number)),
        )
        .unwrap();
    }
    let own = book.sessions.values().filter(|session| session.user == "ann").count();
    assert_eq!(own, MAX_SESSIONS_A_USER);
    assert!(book.sessions.contains_key("n059") && book.sessions.contains_key("s2"));
    for number in 0..MAX_KEYS {
        let id = number.to_string();
        book.apply(add_key(&id, &id, Role::Viewer, None), "test", NOW).unwrap();
    }
    let over = book.apply(add_key("x", "x", Role::Viewer, None), "test", NOW);
    assert_eq!(over, Err(Refusal::Full("keys", MAX_KEYS)));
}

#[test]
fn book_survives_the_journal_with_its_last_uses() {
    let book = book();
    book.sessions["s1"].last_used.note(NOW.plus(Duration::from_secs(60)));
    let again: Book = serde_json::from_str(&serde_json::to_string(&book).unwrap()).unwrap();
    assert_eq!(
        again.sessions["s1"].last_used.at(),
        Some(NOW.plus(Duration::from_secs(60)))
    );
    assert_eq!(again.users["ann"].known, [IpAddr::from([192, 0, 2, 7])]);
}

#[test]
fn customer_of_ipv6_is_a_network_and_of_ipv4_an_address() {
    let of = |text: &str| network(text.parse().unwrap()).to_string();
    assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    assert_eq!(of("192.0.2.1"), "192.0.2.1");
}
