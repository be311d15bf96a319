//! The `[gate]` section of the configuration.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Role, Tier};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;

/// Longest that a command may wait for people, in minutes: a week.
const APPROVAL_MINUTES_MAX: u32 = 7 * 24 * 60;

/// Which commands need how much thought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// Rules of this station; the first that names a command decides, before the built-in ones.
    pub rules: Vec<RuleConfig>,
    /// How long a command waits for people before it expires, in minutes, 1 to 10080.
    pub approval_minutes: u32,
    /// Whether an admin may run a waiting command in an emergency, alone and with a reason.
    pub emergency_override: bool,
}

/// One rule: commands that fit it as a whole get its tier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// Pattern of the verb.
    pub verb: String,
    /// Pattern of the target; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Patterns of the arguments: a command fits that has exactly these, each as its pattern says. Any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<BTreeMap<String, String>>,
    /// 1 runs at once, 2 an operator confirms, 3 somebody else approves, 4 is refused.
    pub tier: Tier,
    /// Role that those who agree need at least, if more than the verb itself asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// How many others have to approve a command of tier 3, 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u8>,
}

impl Default for GateConfig {
    fn default() -> GateConfig {
        GateConfig {
            rules: Vec::new(),
            approval_minutes: 15,
            emergency_override: true,
        }
    }
}

impl GateConfig {
    /// How long a command waits for people.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(u64::from(self.approval_minutes) * 60)
    }

    /// Everything that is wrong with it: the key, and the reason.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if !(1..=APPROVAL_MINUTES_MAX).contains(&self.approval_minutes) {
            let reason = format!("must be 1 to {APPROVAL_MINUTES_MAX}, not {}", self.approval_minutes);
            problems.push(("approval_minutes".to_owned(), reason));
        }
        if let Err(error) = Policy::new(&self.rules) {
            problems.push(("rules".to_owned(), error.to_string()));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_configuration_is_sound() {
        assert_eq!(GateConfig::default().problems(), []);
    }

    #[test]
    fn configuration_tells_all_its_problems_at_once() {
        let rule = RuleConfig {
            verb: "actor.(".to_owned(),
            target: None,
            arguments: None,
            tier: Tier::Free,
            role: None,
            people: None,
        };
        let config = GateConfig {
            rules: vec![rule],
            approval_minutes: 0,
            ..GateConfig::default()
        };
        let keys: Vec<String> = config.problems().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["approval_minutes", "rules"]);
    }
}
