//! Who acts: people, programs and stations, and what their role lets them do.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// What somebody may do. A person's roles contain each other; `station` is a machine's and contains nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads everything but access and audit.
    Viewer,
    /// Reads, and commands what needs no second thought.
    Operator,
    /// Operates, and decides who else may.
    Admin,
    /// Another station: delivers its own events, nothing else.
    Station,
}

/// A word that names no role.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no role; there are viewer, operator, admin and station")]
pub struct UnknownRole(String);

impl Role {
    /// Whether this role is enough where `needed` is asked for.
    #[must_use]
    pub const fn covers(self, needed: Role) -> bool {
        match (self, needed) {
            (Role::Admin, Role::Admin | Role::Operator | Role::Viewer)
            | (Role::Operator, Role::Operator | Role::Viewer)
            | (Role::Viewer, Role::Viewer)
            | (Role::Station, Role::Station) => true,
            (Role::Admin, Role::Station)
            | (Role::Operator, Role::Admin | Role::Station)
            | (Role::Viewer, Role::Operator | Role::Admin | Role::Station)
            | (Role::Station, Role::Viewer | Role::Operator | Role::Admin) => false,
        }
    }

    /// The role's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
            Role::Station => "station",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Role, UnknownRole> {
        let roles = [Role::Viewer, Role::Operator, Role::Admin, Role::Station];
        let named = roles.into_iter().find(|role| role.as_str() == text);
        named.ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// Somebody whose claim to a name and a role was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// The name under which the audit knows them: a user's, `key:NAME`, or `local` for this computer's own users.
    #[schema(value_type = String)]
    pub name: Arc<str>,
    /// What they may do.
    pub role: Role,
    /// The person who answers for it, where that is another name: the owner of a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub owner: Option<Arc<str>>,
}

impl Identity {
    /// An identity; whoever makes one has checked it.
    #[must_use]
    pub fn new(name: &str, role: Role) -> Identity {
        Identity {
            name: name.into(),
            role,
            owner: None,
        }
    }

    /// The same, in the name of `owner`: who asks with a key cannot approve as the owner of that key.
    #[must_use]
    pub fn owned_by(mut self, owner: &str) -> Identity {
        self.owner = Some(owner.into());
        self
    }

    /// The person who answers for it.
    #[must_use]
    pub fn person(&self) -> &str {
        self.owner.as_deref().unwrap_or(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_covers_the_lesser_roles_of_people_and_never_a_stations() {
        let people = [Role::Viewer, Role::Operator, Role::Admin];
        for (rank, role) in people.into_iter().enumerate() {
            for (needed_rank, needed) in people.into_iter().enumerate() {
                assert_eq!(role.covers(needed), rank >= needed_rank, "{role} for {needed}");
            }
            assert!(!role.covers(Role::Station) && !Role::Station.covers(role));
        }
        assert!(Role::Station.covers(Role::Station));
    }

    #[test]
    fn role_reads_its_own_word() {
        for role in [Role::Viewer, Role::Operator, Role::Admin, Role::Station] {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
