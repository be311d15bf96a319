//! `[access]`: what those may do who show nothing, and how long a sign-in lasts.

use model::Role;
use serde::{Deserialize, Serialize};

/// Longest life of a session, in days.
const MAX_DAYS: u32 = 365;

/// `[access]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AccessConfig {
    /// What programs and browsers on this computer may do without signing in, once there is an account.
    pub(crate) local_role: LocalRole,
    /// Hours after which a browser that asks for nothing is signed out, 1 to 8760.
    pub(crate) session_idle_hours: u32,
    /// Days after which a browser has to sign in again in any case, 1 to 365.
    pub(crate) session_days: u32,
}

/// What this computer's own users are without signing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LocalRole {
    /// They have to sign in like everybody.
    None,
    /// They read.
    Viewer,
    /// They command.
    Operator,
    /// They decide.
    Admin,
}

impl LocalRole {
    pub(crate) const fn role(self) -> Option<Role> {
        match self {
            LocalRole::None => None,
            LocalRole::Viewer => Some(Role::Viewer),
            LocalRole::Operator => Some(Role::Operator),
            LocalRole::Admin => Some(Role::Admin),
        }
    }
}

impl Default for AccessConfig {
    fn default() -> AccessConfig {
        AccessConfig {
            local_role: LocalRole::Viewer,
            session_idle_hours: 24,
            session_days: 30,
        }
    }
}

impl AccessConfig {
    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut check = |key: &str, value: u32, most: u32| {
            if !(1..=most).contains(&value) {
                problems.push((key.to_owned(), format!("must be 1 to {most}, not {value}")));
            }
        };
        check("session_idle_hours", self.session_idle_hours, MAX_DAYS * 24);
        check("session_days", self.session_days, MAX_DAYS);
        problems
    }
}
