//! `mqtt_allowed_cmds`: patterns of commands that could be sent, as rules of the gate.
//!
//! The old program let a pattern match the beginning of a command; here it matches the whole or nothing. A rule names a setting
//! and its values, so each pattern is compared with every command that a setting has.

use power::settings::{Chosen, items};
use power::{CommandKind, Protocol, Risk};
use regex_lite::{Regex, RegexBuilder};

use crate::effects::verb_of;

/// Longest pattern of the gate, in bytes.
const MAX_PATTERN: usize = 256;
/// Largest compiled pattern, in bytes.
const MAX_COMPILED: usize = 64 * 1024;

/// What becomes of a list.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    /// Rules of the gate, as they stand in its list.
    pub(super) rules: Vec<String>,
    /// What could not be taken over.
    pub(super) lost: Vec<String>,
}

/// The rules for a device.
pub(super) fn rules(device: &str, protocol: &Protocol, list: &str) -> Allowed {
    let mut allowed = Allowed::default();
    let mut patterns = Vec::new();
    for pattern in split(list) {
        match whole(pattern) {
            Ok(read) => patterns.push((pattern, read, false)),
            Err(reason) => allowed.lost.push(format!("{pattern:?} is no pattern: {reason}")),
        }
    }
    for item in items(protocol, |_| None) {
        let Ok(chosen) = protocol.choose(&item.code) else {
            continue;
        };
        match rule(device, &item.code, &chosen, &mut patterns) {
            Ok(rule) => allowed.rules.extend(rule),
            Err(reason) => allowed.lost.push(reason),
        }
    }
    for (pattern, read, _) in patterns.iter().filter(|(_, _, used)| !used) {
        // Whoever may look may ask; that needs no rule.
        let questions = protocol
            .commands()
            .iter()
            .filter(|command| command.kind() != CommandKind::Setting);
        let asks = questions.into_iter().any(|command| read.is_match(command.code()));
        if !asks {
            allowed.lost.push(format!(
                "{pattern:?} matches no command of {} as a whole",
                protocol.name()
            ));
        }
    }
    allowed
}

/// By commas, but for those within brackets: `{1,3}` is one pattern.
fn split(list: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let parts = list.split(|c: char| {
        depth = depth.saturating_add(match c {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        });
        c == ',' && depth <= 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn whole(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("{} bytes, at most {MAX_PATTERN}", pattern.len()));
    }
    // Sound by itself, so that no parenthesis closes ours.
    Regex::new(pattern).map_err(|error| error.to_string())?;
    let whole = RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .size_limit(MAX_COMPILED)
        .build();
    whole.map_err(|error| error.to_string())
}

/// The rule for one setting, if a pattern matches any of its commands.
fn rule(
    device: &str,
    setting: &str,
    chosen: &Chosen<'_>,
    patterns: &mut [(&str, Regex, bool)],
) -> Result<Option<String>, String> {
    let Some(every) = chosen.every() else {
        return Ok(None);
    };
    let mut matched: Vec<&Option<String>> = Vec::new();
    for (value, code) in &every {
        let mut names = patterns
            .iter_mut()
            .filter(|(_, read, _)| read.is_match(code))
            .peekable();
        if names.peek().is_some() && !matched.contains(&value) {
            matched.push(value);
        }
        names.for_each(|(_, _, used)| *used = true);
    }
    let value = match matched.as_slice() {
        [] => return Ok(None),
        [None] => String::new(),
        some if some.len() == every.len() => ", value = '.*'".to_owned(),
        some => format!(", value = '{}'", alternatives(setting, some)?),
    };
    let verb = verb_of(chosen.risk()).replace('.', r"\.");
    // What can hurt a battery keeps somebody's second look.
    let tier = match chosen.risk() {
        Risk::Low => 1,
        Risk::High => 2,
    };
    Ok(Some(format!(
        r"{{ verb = '{verb}', target = 'power\.{device}', arguments = {{ setting = '{setting}'{value} }}, tier = {tier} }},"
    )))
}

fn alternatives(setting: &str, values: &[&Option<String>]) -> Result<String, String> {
    let values: Vec<String> = values
        .iter()
        .filter_map(|value| value.as_ref())
        .map(|value| value.replace('.', r"\."))
        .collect();
    let pattern = values.join("|");
    if pattern.len() <= MAX_PATTERN {
        return Ok(pattern);
    }
    Err(format!(
        "{setting} was allowed for {} values, too many for one rule",
        values.len()
    ))
}

#[cfg(test)]
mod tests {
    use power::Library;

    use super::*;

    fn allowed(list: &str) -> Allowed {
        rules("inverter", &Library::new().get("pi30").unwrap(), list)
    }

    #[test]
    fn pattern_becomes_a_rule_for_the_values_that_it_matches_as_a_whole() {
        let found = allowed(r"POP0[0-1], PCP0\d{1,1}, PSAVE, QPI.*");
        let expected = [
            r"{ verb = 'power\.set', target = 'power\.inverter', arguments = { setting = 'PCP', value = '.*' }, tier = 1 },",
            r"{ verb = 'power\.set', target = 'power\.inverter', arguments = { setting = 'POP', value = '00|01' }, tier = 1 },",
            r"{ verb = 'power\.set', target = 'power\.inverter', arguments = { setting = 'PSAVE' }, tier = 1 },",
        ];
        assert_eq!(found.rules, expected);
        assert_eq!(found.lost, [""; 0]);
    }

    #[test]
    fn what_hurts_keeps_a_second_look_and_what_matches_in_part_is_told() {
        let found = allowed(r"PBFT(54|55)\.0, POP, P), XYZ, P(");
        assert_eq!(found.rules.len(), 1, "{found:?}");
        assert!(
            found.rules[0].contains(r"power\.protect") && found.rules[0].ends_with("tier = 2 },"),
            "{found:?}"
        );
        assert!(found.rules[0].contains(r"value = '54\.0|55\.0'"), "{found:?}");
        assert!(
            found
                .lost
                .iter()
                .any(|lost| lost.contains("\"POP\" matches no command")),
            "{found:?}"
        );
        assert_eq!(found.lost.len(), 4, "{found:?}");
    }

    #[test]
    fn hostile_pattern_is_told_and_costs_nothing() {
        for list in [
            "((a{100}){100}){100}",
            &"a".repeat(300),
            "(",
            ")",
            "a)|(?:.*",
            "[",
            "",
            ",,,",
        ] {
            assert_eq!(allowed(list).rules, [""; 0], "{list}");
        }
    }
}
