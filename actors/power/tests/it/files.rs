//! Files of protocols: all that are in the binary are good, and a bad one of the user's own says where and why.

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

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

/// What a folder with these files gives: the protocols, and what is wrong.
fn folder(files: &[(&str, &str)]) -> (Library, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let (library, problems) = Library::with_folder(folder.path());
    let root = folder.path().display().to_string();
    let told = problems.iter().map(|problem| problem.to_string().replace(&root, ""));
    (library, told.collect())
}

#[test]
fn folder_adds_protocols_that_extend_each_other_and_takes_the_place_of_one() {
    let first = SMALL.replace("\"pi30\"", "\"zz\"");
    let (mut library, problems) = folder(&[
        ("aa.toml", &first),
        ("zz.toml", SMALL),
        ("pi30.toml", SMALL),
        ("notes.txt", ""),
    ]);
    assert_eq!(problems, [""; 0]);
    for name in ["aa", "zz", "pi30", "pi30max"] {
        assert!(library.get(name).unwrap().request("QOWN").is_ok(), "{name}");
    }
}

#[test]
fn bad_file_of_a_folder_is_told_and_refused_by_name_and_the_others_stay() {
    let circle = |to: &str| SMALL.replace("\"pi30\"", &format!("\"{to}\""));
    let (one, other) = (circle("other"), circle("one"));
    let files = [
        ("good.toml", SMALL),
        ("one.toml", &one),
        ("other.toml", &other),
        ("pi41.toml", "format ="),
        ("Not A Name.toml", SMALL),
    ];
    let (mut library, problems) = folder(&files);
    assert_eq!(problems.len(), 4, "{problems:#?}");
    for (file, reason) in [
        ("/one.toml: extends", "circle"),
        ("/pi41.toml", ""),
        ("/Not A Name.toml", "a-z"),
    ] {
        let told = problems
            .iter()
            .any(|problem| problem.starts_with(file) && problem.contains(reason));
        assert!(told, "{file}: {problems:#?}");
    }
    assert!(library.get("good").is_ok() && library.get("pi18").is_ok());
    let refused = library.get("pi41").unwrap_err();
    assert!(
        refused.file.ends_with("pi41.toml"),
        "nobody is given another protocol than the one that he wrote"
    );
}

#[test]
fn hostile_files_are_refused_within_bounds() {
    let command = |index: usize| format!("[[command]]\ncode = \"Q{index}\"\nlabel = \"\"\nkind = \"query\"\n");
    let field = "{ key = \"k\", type = \"int\" },";
    let head = "format = \"power-protocol/1\"\nid = \"X\"\nextends = \"pi30\"\n";
    let many_fields = format!("{head}{}fields = [{}]", command(0), field.repeat(10_000));
    let many_commands: String = (0..2_000)
        .map(|index| command(index) + "fields = [{ type = \"ack\" }]\n")
        .collect();
    let many_commands = format!("{head}{many_commands}");
    let pattern = SMALL.replace(
        "kind = \"query\"",
        "kind = \"query\"\npattern = '^QOWN((a{99}){99}){99}$'",
    );
    let deep = format!("{head}x = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let large = format!("{SMALL}# {}", "x".repeat(1_000_000));
    let files = [
        ("fields.toml", many_fields.as_str()),
        ("commands.toml", &many_commands),
        ("pattern.toml", &pattern),
        ("deep.toml", &deep),
        ("large.toml", &large),
        ("good.toml", SMALL),
    ];
    let began = Instant::now();
    let (mut library, problems) = folder(&files);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(problems.len(), 5, "{problems:#?}");
    assert!(
        problems.iter().all(|problem| problem.len() < 1_000),
        "a problem is a line for people"
    );
    assert!(library.get("good").is_ok());
}

#[test]
fn folder_that_is_not_there_leaves_the_protocols_of_the_program() {
    let (mut library, problems) = Library::with_folder(std::path::Path::new("/nonexistent/protocols"));
    assert_eq!(problems.len(), 1);
    assert!(library.get("pi30").is_ok());
}

#[test]
fn file_of_the_documentation_is_as_good_as_it_says() {
    let page = include_str!("../../../../docs/PROTOCOLS.md");
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        Library::new().add("own", "own.toml", example).unwrap();
    }
    let mut library = Library::new();
    library
        .add(
            "meter",
            "meter.toml",
            page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap(),
        )
        .unwrap();
    assert!(library.get("meter").unwrap().request("limit16.0").is_ok());
}
