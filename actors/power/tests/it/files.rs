//! Files of protocols: all that are in the binary are good, and a bad one of the user's own says where and why.

use std::collections::HashSet;

use stationd_power::{CommandKind, Library, RequestError};

const SMALL: &str = r#"
format = "power-protocol/1"
id = "OWN"
extends = "pi30"

[[command]]
code = "QOWN"
label = "own"
kind = "query"
fields = [{ key = "own", type = "int" }]
"#;

fn refusal(text: &str) -> String {
    Library::new().add("own", "own.toml", text).unwrap_err().to_string()
}

#[test]
fn protocol_in_the_binary_has_commands_that_can_be_asked() {
    let mut library = Library::new();
    let names: Vec<String> = library.names().into_iter().map(str::to_owned).collect();
    assert_eq!(names.len(), 28);
    let mut commands = 0;
    for name in names {
        let protocol = library.get(&name).unwrap();
        commands += protocol.commands().len();
        for command in protocol.commands().iter().filter(|command| command.pattern().is_none()) {
            let request = protocol.request(command.code()).unwrap();
            assert_eq!(
                request.bytes().is_empty(),
                command.kind() == CommandKind::Listen,
                "{name} {}",
                command.code()
            );
        }
        let codes: HashSet<&str> = protocol.commands().iter().map(|command| command.code()).collect();
        for code in protocol
            .status_commands()
            .iter()
            .chain(protocol.setting_read_commands())
        {
            assert!(codes.contains(code.as_str()), "{name} {code}");
        }
    }
    assert_eq!(commands, 746);
}

#[test]
fn own_file_adds_a_protocol_that_has_its_base_commands_as_well() {
    let mut library = Library::new();
    library.add("Own", "own.toml", SMALL).unwrap();
    let protocol = library.get("OWN").unwrap();
    assert!(protocol.request("QOWN").is_ok() && protocol.request("QPIGS").is_ok());
    assert!(library.names().contains(&"own"));
}

#[test]
fn own_file_may_change_the_protocol_that_it_takes_the_place_of() {
    let mut library = Library::new();
    library.add("pi30", "pi30.toml", SMALL).unwrap();
    let protocol = library.get("pi30").unwrap();
    assert!(protocol.request("QOWN").is_ok() && protocol.request("QPIGS").is_ok());
    assert!(
        library.get("pi30max").unwrap().request("QOWN").is_ok(),
        "those that extend it have it as well"
    );
}

#[test]
fn bad_file_is_refused_with_file_key_and_reason_and_the_others_stay() {
    let with = |from: &str, to: &str| refusal(&SMALL.replace(from, to));
    let cases = [
        (with("power-protocol/1", "power-protocol/9"), "own.toml: format: "),
        (with("\"pi30\"", "\"pi99\""), "no protocol \"pi99\""),
        (with("\"pi30\"", "\"own\""), "extends: "),
        (
            with("type = \"int\"", "type = \"integer\""),
            "QOWN.own: \"integer\" is no type of field",
        ),
        (with("type = \"int\"", "type = \"int\", div = 0"), "QOWN.own: div is 0"),
        (
            with("type = \"int\"", "type = \"enum_index\""),
            "QOWN.own: labels is missing",
        ),
        (
            with("type = \"int\"", "type = \"u8\""),
            "QOWN.own: a field of characters",
        ),
        (
            with("type = \"int\"", "type = \"int\", colour = 1"),
            "unknown field `colour`",
        ),
        (
            with("kind = \"query\"", "kind = \"query\"\npattern = \"(\""),
            "QOWN: pattern",
        ),
        (with("kind = \"query\"", "kind = \"guess\""), "unknown variant `guess`"),
        (
            with("id = \"OWN\"", "id = \"OWN\"\nstatus_commands = [\"QX\"]"),
            "QX: is named",
        ),
        (
            with("id = \"OWN\"", "id = \"OWN\"\nremove = [\"QX\"]"),
            "remove: \"QX\"",
        ),
        (with("[{ key = \"own\", type = \"int\" }]", "[]"), "QOWN: has no fields"),
        (refusal("format = 1"), "own.toml: "),
        (refusal(""), "own.toml: "),
    ];
    for (said, wanted) in cases {
        assert!(
            said.contains(wanted) && said.starts_with("own.toml"),
            "{said:?} should say {wanted:?}"
        );
    }
    let mut library = Library::new();
    assert!(library.add("pi30", "pi30.toml", "nonsense").is_err());
    assert!(library.get("pi30").unwrap().request("QPIGS").is_ok());
}

#[test]
fn argument_that_matches_only_in_part_is_refused() {
    let mut library = Library::new();
    let protocol = library.get("pi30").unwrap();
    assert!(protocol.request("POP01").is_ok());
    for code in ["POP01anything", "POP0", "POP09", "xPOP01", "POP01\r", "POP01\n"] {
        let refused = protocol.request(code).unwrap_err();
        assert!(
            matches!(
                refused,
                RequestError::Argument { .. } | RequestError::UnknownCommand { .. }
            ),
            "{code:?}: {refused}"
        );
    }
}
