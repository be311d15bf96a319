//! Which tier a command has: the first rule that names it as a whole decides.
//!
//! Patterns are regular expressions and match from the first character to the last, never a part. What no rule names gets
//! the highest tier that can still be approved.

use std::collections::BTreeMap;

use model::{Role, Tier};
use regex_lite::{Regex, RegexBuilder};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::config::RuleConfig;

/// Most rules.
const RULES_MAX: usize = 256;
/// Longest pattern, in bytes.
const PATTERN_MAX: usize = 256;
/// Largest compiled pattern, in bytes: a short one that counts to a million is refused, too.
const COMPILED_MAX: usize = 64 * 1024;
/// Most people that a rule may ask for.
const PEOPLE_MAX: u8 = 5;

/// What holds when the station has no rule of its own: verb pattern and tier.
const BUILT_IN: [(&str, Tier); 6] = [
    (r"actor\.(restart|hold|start)", Tier::Free),
    (r"config\..*", Tier::Confirm),
    (r"key\.revoke", Tier::Free),
    (r"power\.refresh", Tier::Free),
    (r"power\.set", Tier::Confirm),
    (r"power\.protect", Tier::Approve),
];

/// Why a rule is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RuleError {
    /// A pattern cannot be read.
    #[error("rule {number}: {pattern:?} is no pattern: {reason}")]
    Pattern {
        /// Which rule, from 1.
        number: usize,
        /// The pattern.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// People that it asks for.
    #[error("rule {number}: people must be 1 to {PEOPLE_MAX} with tier 3, and absent with another")]
    People {
        /// Which rule, from 1.
        number: usize,
    },
    /// A role that no person has.
    #[error("rule {number}: role must be viewer, operator or admin")]
    Role {
        /// Which rule, from 1.
        number: usize,
    },
    /// Too many.
    #[error("{0} rules, at most {RULES_MAX}")]
    TooMany(usize),
}

/// What the policy says to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// How much thought it needs.
    pub tier: Tier,
    /// Role of those who agree, if the rule asks for one.
    pub role: Option<Role>,
    /// People who have to agree.
    pub people: u8,
}

impl Ruling {
    fn new(tier: Tier, role: Option<Role>, people: Option<u8>) -> Ruling {
        let people = match tier {
            Tier::Free | Tier::Refuse => 0,
            Tier::Confirm => 1,
            Tier::Approve => people.unwrap_or(1),
        };
        Ruling { tier, role, people }
    }
}

#[derive(Clone, Debug)]
struct Rule {
    verb: Regex,
    target: Option<Regex>,
    arguments: Option<BTreeMap<String, Regex>>,
    ruling: Ruling,
}

/// The rules of the station, then the built-in ones.
#[derive(Clone, Debug)]
pub struct Policy(Vec<Rule>);

impl Policy {
    /// Reads the rules.
    ///
    /// # Errors
    /// The first rule that is none.
    pub fn new(rules: &[RuleConfig]) -> Result<Policy, RuleError> {
        if rules.len() > RULES_MAX {
            return Err(RuleError::TooMany(rules.len()));
        }
        let mut read: Vec<Rule> = Vec::with_capacity(rules.len().saturating_add(BUILT_IN.len()));
        for (index, rule) in rules.iter().enumerate() {
            read.push(Rule::read(index.saturating_add(1), rule)?);
        }
        for (verb, tier) in BUILT_IN {
            read.push(Rule {
                verb: whole(0, verb)?,
                target: None,
                arguments: None,
                ruling: Ruling::new(tier, None, None),
            });
        }
        Ok(Policy(read))
    }

    /// What is to be done with a command.
    #[must_use]
    pub fn rule(&self, verb: &str, target: &str, arguments: &Map<String, Value>) -> Ruling {
        let named = self.0.iter().find(|rule| rule.names(verb, target, arguments));
        named.map_or(Ruling::new(Tier::Approve, None, None), |rule| rule.ruling)
    }
}

impl Rule {
    fn read(number: usize, rule: &RuleConfig) -> Result<Rule, RuleError> {
        let counted = match (rule.tier, rule.people) {
            (_, None) => true,
            (Tier::Approve, Some(people)) => (1..=PEOPLE_MAX).contains(&people),
            (Tier::Free | Tier::Confirm | Tier::Refuse, Some(_)) => false,
        };
        if !counted {
            return Err(RuleError::People { number });
        }
        if rule.role == Some(Role::Station) {
            return Err(RuleError::Role { number });
        }
        let arguments = rule.arguments.as_ref().map(|patterns| {
            let read = |(name, pattern): (&String, &String)| Ok((name.clone(), whole(number, pattern)?));
            patterns.iter().map(read).collect::<Result<_, RuleError>>()
        });
        Ok(Rule {
            verb: whole(number, &rule.verb)?,
            target: rule
                .target
                .as_deref()
                .map(|pattern| whole(number, pattern))
                .transpose()?,
            arguments: arguments.transpose()?,
            ruling: Ruling::new(rule.tier, rule.role, rule.people),
        })
    }

    fn names(&self, verb: &str, target: &str, arguments: &Map<String, Value>) -> bool {
        self.verb.is_match(verb)
            && self.target.as_ref().is_none_or(|pattern| pattern.is_match(target))
            && self.arguments.as_ref().is_none_or(|patterns| fit(patterns, arguments))
    }
}

/// Whether there are exactly these arguments, each as its pattern says: one more could turn the meaning.
fn fit(patterns: &BTreeMap<String, Regex>, arguments: &Map<String, Value>) -> bool {
    patterns.len() == arguments.len()
        && arguments.iter().all(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            patterns.get(name).is_some_and(|pattern| pattern.is_match(&text))
        })
}

/// A pattern that matches a text as a whole. It has to be sound by itself, so that no parenthesis closes ours.
fn whole(number: usize, pattern: &str) -> Result<Regex, RuleError> {
    let refused = |reason: String| RuleError::Pattern {
        number,
        pattern: pattern.chars().take(PATTERN_MAX).collect(),
        reason,
    };
    if pattern.len() > PATTERN_MAX {
        return Err(refused(format!("{} bytes, at most {PATTERN_MAX}", pattern.len())));
    }
    Regex::new(pattern).map_err(|error| refused(error.to_string()))?;
    RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .dot_matches_new_line(true)
        .size_limit(COMPILED_MAX)
        .build()
        .map_err(|error| refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(verb: &str, tier: Tier) -> RuleConfig {
        RuleConfig {
            verb: verb.to_owned(),
            target: None,
            arguments: None,
            tier,
            role: None,
            people: None,
        }
    }

    fn arguments(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn tier(policy: &Policy, verb: &str, target: &str) -> Tier {
        policy.rule(verb, target, &Map::new()).tier
    }

    #[test]
    fn unnamed_verb_needs_somebody_else() {
        let policy = Policy::new(&[]).unwrap();
        assert_eq!(tier(&policy, "inverter.set", "power/one"), Tier::Approve);
        assert_eq!(policy.rule("inverter.set", "x", &Map::new()).people, 1);
        assert_eq!(tier(&policy, "actor.restart", "web"), Tier::Free);
        assert_eq!(tier(&policy, "config.apply", "config"), Tier::Confirm);
        assert_eq!(tier(&policy, "power.refresh", "power.one"), Tier::Free);
        assert_eq!(tier(&policy, "power.set", "power.one"), Tier::Confirm);
        assert_eq!(tier(&policy, "power.protect", "power.one"), Tier::Approve);
    }

    #[test]
    fn pattern_matches_a_whole_text_and_never_a_part() {
        let policy = Policy::new(&[rule("key.send", Tier::Free), rule("a|b.c", Tier::Refuse)]).unwrap();
        for verb in [
            "key.sendx",
            "xkey.send",
            "key.send\n",
            "\nkey.send",
            "key.send\nkey.send",
            "ax",
        ] {
            assert_eq!(tier(&policy, verb, "x"), Tier::Approve, "{verb:?}");
        }
        assert_eq!(tier(&policy, "key.send", "x"), Tier::Free);
        assert_eq!(tier(&policy, "a", "x"), Tier::Refuse);
    }

    #[test]
    fn first_rule_that_names_a_command_decides_before_the_built_in_ones() {
        let mut careful = rule(r"actor\..*", Tier::Approve);
        careful.target = Some("repeater/.*".to_owned());
        careful.people = Some(2);
        careful.role = Some(Role::Admin);
        let policy = Policy::new(&[careful, rule(r"actor\..*", Tier::Refuse)]).unwrap();
        let ruling = policy.rule("actor.restart", "repeater/parser", &Map::new());
        let expected = Ruling {
            tier: Tier::Approve,
            role: Some(Role::Admin),
            people: 2,
        };
        assert_eq!(ruling, expected);
        assert_eq!(tier(&policy, "actor.restart", "web"), Tier::Refuse);
    }

    #[test]
    fn rule_with_arguments_names_commands_with_exactly_these() {
        let mut small = rule("inverter.set", Tier::Free);
        small.arguments = Some(BTreeMap::from([("watts".to_owned(), "[0-9]{1,2}".to_owned())]));
        let policy = Policy::new(&[small]).unwrap();
        let tier = |value: Value| policy.rule("inverter.set", "one", &arguments(&value)).tier;
        assert_eq!(tier(json!({ "watts": 50 })), Tier::Free);
        assert_eq!(tier(json!({ "watts": "50" })), Tier::Free);
        for other in [
            json!({ "watts": 500 }),
            json!({ "watts": "50\n" }),
            json!({}),
            json!({ "watts": 50, "force": true }),
            json!({ "watts": [50] }),
        ] {
            assert_eq!(tier(other.clone()), Tier::Approve, "{other}");
        }
    }

    #[test]
    fn pattern_that_would_open_ours_or_grow_without_bound_is_refused() {
        for pattern in ["a)|(?:.*", "(", "((a{100}){100}){100}", &"a".repeat(257)] {
            assert!(Policy::new(&[rule(pattern, Tier::Free)]).is_err(), "{pattern}");
        }
        let mut crowd = rule("a", Tier::Confirm);
        crowd.people = Some(2);
        assert_eq!(Policy::new(&[crowd]).unwrap_err(), RuleError::People { number: 1 });
    }

    #[test]
    fn pattern_that_ends_in_a_comment_does_not_swallow_the_anchor() {
        let read = Policy::new(&[rule("(?x)key.send # as usual", Tier::Free)]);
        if let Ok(policy) = read {
            assert_eq!(tier(&policy, "key.sendx", "x"), Tier::Approve);
        }
    }
}
