//! The configuration as its writer meets it: files, variables, and what is said about them.

use std::net::{IpAddr, Ipv4Addr};

use super::problem::Origin;
use super::*;

const ANNOTATED: &str = include_str!("../../config/stationd.toml");
const DEMO: &str = include_str!("../../config/demo.toml");

fn from_file(text: &str) -> Result<Config, Vec<Problem>> {
    check(Some(("test.toml", text)), []).map(|(config, _)| config)
}

fn from_env(pairs: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    check(
        None,
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
    .map(|(config, _)| config)
}

/// `key: reason` of each problem.
fn lines(result: Result<Config, Vec<Problem>>) -> Vec<String> {
    let problems = result.expect_err("problems");
    problems
        .iter()
        .map(|problem| format!("{}: {}", problem.key, problem.reason))
        .collect()
}

#[test]
fn nothing_configured_gives_the_defaults_without_problems() {
    assert_eq!(from_file(""), Ok(Config::default()));
}

#[test]
fn annotated_file_names_every_key_with_its_default() {
    assert_eq!(from_file(ANNOTATED), Ok(Config::default()));
    let table = serde_json::to_value(Config::default()).unwrap();
    let is_map = |section: &str| Config::templates().iter().any(|(map, _)| *map == section);
    let sections = table
        .as_object()
        .unwrap()
        .iter()
        .filter(|(section, _)| !is_map(section));
    for (section, keys) in sections {
        let body = ANNOTATED.split(&format!("\n[{section}]\n")).nth(1).expect(section);
        let body = body.split("\n[").next().unwrap();
        let own = |(key, _): &(&String, &Value)| !is_template(section, key);
        for (key, value) in keys.as_object().unwrap().iter().filter(own) {
            let written = |line: &&str| line.trim_start_matches("# ").starts_with(&format!("{key} ="));
            let nested = value.is_object() && ANNOTATED.contains(&format!("\n[{section}.{key}]\n"));
            assert!(
                nested || body.lines().any(|line| written(&line)),
                "{section}.{key} is missing"
            );
        }
    }
}

fn is_template(section: &str, key: &str) -> bool {
    let path = format!("{section}.{key}");
    Config::templates().iter().any(|(map, _)| *map == path)
}

#[test]
fn annotated_file_names_every_key_of_a_template_with_its_default() {
    for (map, default) in Config::templates() {
        let (_, body) = ANNOTATED.split_once(&format!("\n#[{map}.")).expect(map);
        let body: Vec<&str> = body.split("\n[").next().unwrap().lines().collect();
        // Keys follow the sign at once, prose behind a blank.
        let keys = body.iter().filter_map(|line| line.strip_prefix('#'));
        let keys: Vec<&str> = keys.filter(|line| !line.starts_with(' ')).collect();
        for key in default.as_object().unwrap().keys() {
            let written = keys.iter().any(|line| line.starts_with(&format!("{key} =")));
            assert!(written, "{map}.NAME.{key} is missing");
        }
        let config = from_file(&format!("[{map}.name]\n{}", keys.join("\n"))).unwrap();
        let written = serde_json::to_value(config).unwrap();
        let written = map.split('.').fold(&written, |tree, name| &tree[name])["name"].clone();
        assert_eq!(written, default, "{map}");
    }
}

#[test]
fn named_section_is_checked_like_any_other() {
    let text = "
        [repeater]
        log_directory = ''
        [repeater.mqtt.gb7xx]
        hots = 'broker'
        port = 'x'
        topic = '#'
        [repeater.mqtt]
        host = 'broker'
    ";
    let problems = lines(from_file(text));
    let has = |part: &str| {
        assert!(
            problems.iter().any(|line| line.contains(part)),
            "{part} not in {problems:#?}"
        )
    };
    has("repeater.mqtt.gb7xx.hots: unknown key; did you mean repeater.mqtt.gb7xx.host?");
    has("repeater.mqtt.gb7xx.port: invalid type");
    has("repeater.mqtt.gb7xx.topic: must be the beginning of topics");
    has("repeater.mqtt.host: is a section: write [repeater.mqtt.host] and its keys below");
    assert_eq!(problems.len(), 4, "{problems:#?}");
}

#[test]
fn named_section_takes_what_the_environment_adds() {
    let file = Some((
        "test.toml",
        "[repeater.mqtt.gb7xx]\nusername = 'stationd'\nversion = '3.1.1'",
    ));
    let env = [(
        "STATIOND__REPEATER__MQTT__GB7XX__PASSWORD".to_owned(),
        "12345".to_owned(),
    )];
    let (config, _): (Config, _) = check(file, env).unwrap();
    let host = &config.repeater.mqtt["gb7xx"];
    assert_eq!((host.username.as_str(), host.password.reveal()), ("stationd", "12345"));
    assert_eq!((host.version, host.port), (repeater::MqttVersion::V311, 1883));
    let problems = from_env(&[("STATIOND__REPEATER__MQTT__B__PROT", "1")]).unwrap_err();
    assert!(problems[0].reason.contains("repeater.mqtt.b.port"), "{problems:?}");
    let problems = from_env(&[("STATIOND__REPEATER__MQTT__A%B__PORT", "1")]).unwrap_err();
    assert_eq!(problems[0].key, "repeater.mqtt.a%b");
    assert!(matches!(problems[0].origin, Origin::Env(_)), "{problems:?}");
}

#[test]
fn demo_file_has_no_problems() {
    assert!(from_file(DEMO).is_ok());
}

#[test]
fn environment_overrides_the_file() {
    let file = Some(("test.toml", "[web]\nport = 1234\n[station]\nname = 'File'"));
    let env = [("STATIOND__WEB__PORT".to_owned(), "4321".to_owned())];
    let (config, _): (Config, _) = check(file, env).unwrap();
    assert_eq!((config.web.port, config.station.name.as_str()), (4321, "File"));
}

#[test]
fn variable_is_read_as_the_type_that_the_key_has() {
    let config = from_env(&[
        ("STATIOND__STATION__NAME", "2345"),
        ("STATIOND__WEB__BIND", "127.0.0.2"),
        ("STATIOND__WEB__ALLOWED_HOSTS", "[\"a.example\", \"b.example\"]"),
        ("STATIOND__LOG__FORMAT", "json"),
    ])
    .unwrap();
    assert_eq!(config.station.name, "2345");
    assert_eq!(config.web.bind, IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
    assert_eq!(config.web.allowed_hosts, ["a.example", "b.example"]);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn variable_cannot_smuggle_in_other_keys() {
    let problems = lines(from_env(&[("STATIOND__WEB__PORT", "1\n[log]\nlevel = \"trace\"")]));
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn all_problems_are_told_at_once_with_key_reason_and_origin() {
    let text = "
        colour = 1
        [station]
        name = ''
        [web]
        prot = 80
        port = 70000
        bind = '0.0.0.0'
        [log]
        format = 'xml'
        level = 'info,web=loud'
        [wbe]
        port = 1
    ";
    let env = [
        ("STATIOND__JOURNAL__LIVE_RING", "x"),
        ("STATIOND__WEB", "1"),
        ("STATIOND__NO__SUCH", "1"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let problems = check::<Config>(Some(("my.toml", text)), env).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    let expected = [
        "colour",
        "log.format",
        "wbe",
        "web.port",
        "web.prot",
        "journal.live_ring",
        "no.such",
        "web",
        "station.name",
        "web.bind",
        "log.level",
    ];
    assert_eq!(keys, expected, "{problems:#?}");
    let of = |key: &str| problems.iter().find(|problem| problem.key == key).unwrap();
    assert!(of("wbe").reason.contains("did you mean web?"), "{}", of("wbe"));
    assert!(
        of("web.prot").reason.contains("did you mean web.port?"),
        "{}",
        of("web.prot")
    );
    assert!(of("web.port").reason.contains("u16"), "{}", of("web.port"));
    assert!(of("web.bind").reason.contains("loopback"), "{}", of("web.bind"));
    assert_eq!(of("web.bind").origin, Origin::File("my.toml".to_owned()));
    let variable = Origin::Env("STATIOND__JOURNAL__LIVE_RING".to_owned());
    assert_eq!(of("journal.live_ring").origin, variable);
}

#[test]
fn key_in_the_wrong_section_is_pointed_to_the_right_one() {
    let problems = lines(from_file("port = 80"));
    assert_eq!(problems, ["port: unknown key; did you mean web.port?"]);
}

#[test]
fn value_where_a_section_belongs_is_told_so() {
    let problems = lines(from_file("web = 8080"));
    assert_eq!(problems, ["web: is a section: write [web] and its keys below"]);
}

#[test]
fn broken_toml_is_one_problem_with_its_line() {
    let problems = from_file("[web]\nport = = 1").unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].reason.contains("line 2"), "{}", problems[0]);
}

#[test]
fn out_of_range_value_of_the_environment_names_the_variable() {
    let problems = from_env(&[("STATIOND__WEB__BIND", "192.168.0.1")]).unwrap_err();
    assert_eq!(problems[0].origin, Origin::Env("STATIOND__WEB__BIND".to_owned()));
}

#[test]
fn good_value_that_only_differs_in_case_of_variable_is_accepted() {
    assert_eq!(from_env(&[("STATIOND__Web__Port", "99")]).unwrap().web.port, 99);
}

#[test]
fn variables_of_others_are_left_alone() {
    assert_eq!(
        from_env(&[("STATIONDX", "1"), ("STATIOND_HOME", "/"), ("PATH", "/bin")]),
        Ok(Config::default())
    );
}

#[test]
fn log_file_has_bounds_and_a_name() {
    let keys = |text: &str| -> Vec<String> {
        let problems = from_file(text).expect_err("problems");
        problems.into_iter().map(|problem| problem.key).collect()
    };
    let found = keys("[log]\nfile = '..'\nfile_mb = 0\nfiles = 1");
    assert_eq!(found, ["log.file", "log.file_mb", "log.files"]);
    assert!(from_file("[log]\nfile = '/var/log/stationd/stationd.log'\nfile_mb = 1\nfiles = 2").is_ok());
}
