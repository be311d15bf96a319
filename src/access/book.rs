//! Who may come in: people, keys and sessions, and the rules of changing them. Pure: changes in, facts out.
//!
//! **Invariant:** while anybody is written here, somebody with the role admin is.
//! **Invariant:** a fact, which everybody may end up reading, carries no hash, password or token.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{EventData, Role, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::last_use::LastUse;
use super::token::Hash;
use crate::config::AccessConfig;

/// People at most. A station has a handful.
const MAX_USERS: usize = 200;
/// Keys at most.
const MAX_KEYS: usize = 500;
/// Sessions at most: of one user, who has this many browsers at most, the least used go.
const MAX_SESSIONS_A_USER: usize = 20;
/// Addresses remembered from which somebody signed in.
const MAX_KNOWN: usize = 8;

/// Everything that the access actor keeps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Book {
    pub(crate) users: BTreeMap<String, Arc<User>>,
    pub(crate) keys: BTreeMap<String, Arc<Key>>,
    pub(crate) sessions: BTreeMap<String, Arc<Session>>,
}

/// Somebody with a password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) role: Role,
    /// argon2id, in the PHC string format.
    pub(crate) password: String,
    pub(crate) created_at: Timestamp,
    /// Where they signed in from, the newest last.
    #[serde(default)]
    pub(crate) known: Vec<IpAddr>,
}

/// A program's key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) hash: Hash,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) last_used: LastUse,
}

/// A browser in which somebody signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) hash: Hash,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used: LastUse,
    pub(crate) address: Option<IpAddr>,
    pub(crate) agent: String,
}

/// How long a session lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    /// Without being used.
    pub(crate) idle: Duration,
    /// At most.
    pub(crate) whole: Duration,
}

impl Lifetime {
    pub(crate) fn of(config: &AccessConfig) -> Lifetime {
        let hour = Duration::from_secs(3600);
        Lifetime {
            idle: hour.saturating_mul(config.session_idle_hours),
            whole: hour.saturating_mul(24).saturating_mul(config.session_days),
        }
    }
}

impl Session {
    pub(crate) fn expires_at(&self, lifetime: Lifetime) -> Timestamp {
        let used = self.last_used.at().unwrap_or(self.created_at);
        used.plus(lifetime.idle).min(self.created_at.plus(lifetime.whole))
    }
}

impl Key {
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// What is asked of the book.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    AddUser {
        name: String,
        role: Role,
        password: String,
    },
    SetUser {
        name: String,
        role: Option<Role>,
        password: Option<String>,
    },
    RemoveUser {
        name: String,
    },
    AddKey {
        id: String,
        name: String,
        role: Role,
        hash: Hash,
        expires_at: Option<Timestamp>,
    },
    RevokeKey {
        id: String,
    },
    StartSession {
        id: String,
        user: String,
        hash: Hash,
        address: Option<IpAddr>,
        agent: String,
    },
    EndSession {
        id: String,
    },
    EndSessionsOf {
        user: String,
    },
    /// Somebody guesses: so many refused since last told.
    CountRefused {
        count: u64,
        user: Option<String>,
        address: Option<IpAddr>,
    },
    /// Drops what has expired, and writes down what was used when.
    TidyUp {
        lifetime: Lifetime,
    },
}

/// What happened, for the journal.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Fact {
    UserAdded {
        name: String,
        role: Role,
        by: String,
    },
    UserChanged {
        name: String,
        role: Role,
        password_changed: bool,
        by: String,
    },
    UserRemoved {
        name: String,
        by: String,
    },
    KeyAdded {
        id: String,
        name: String,
        role: Role,
        expires_at: Option<Timestamp>,
        by: String,
    },
    KeyRevoked {
        id: String,
        name: String,
        by: String,
    },
    SessionStarted {
        id: String,
        user: String,
        address: Option<IpAddr>,
        agent: String,
    },
    SessionEnded {
        id: String,
        user: String,
        by: String,
    },
    SignInsRefused {
        count: u64,
        user: Option<String>,
        address: Option<IpAddr>,
    },
}

impl EventData for Fact {
    fn event_type(&self) -> &'static str {
        match self {
            Fact::UserAdded { .. } => "user_added",
            Fact::UserChanged { .. } => "user_changed",
            Fact::UserRemoved { .. } => "user_removed",
            Fact::KeyAdded { .. } => "key_added",
            Fact::KeyRevoked { .. } => "key_revoked",
            Fact::SessionStarted { .. } => "session_started",
            Fact::SessionEnded { .. } => "session_ended",
            Fact::SignInsRefused { .. } => "sign_ins_refused",
        }
    }
}

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("there is a {0} of this name already")]
    NameTaken(&'static str),
    #[error("there is no {0} of this name")]
    Unknown(&'static str),
    #[error("there are {1} {0} already, which is the most")]
    Full(&'static str, usize),
    #[error("the first account must be an admin's: from then on this computer's own users are no admins any more")]
    FirstIsAdmin,
    #[error("this would leave nobody who is admin; make another admin first")]
    LastAdmin,
}

impl Book {
    /// The person behind a key: who made it, or who made the key that made it. A key that the command line or this computer made
    /// stands for nobody else.
    pub(crate) fn owner_of<'a>(&'a self, key: &'a Key) -> Option<&'a str> {
        let mut maker = key.created_by.as_str();
        // A key cannot be older than its maker, but names are given again.
        for _ in 0..MAX_KEYS {
            let Some(name) = maker.strip_prefix("key:") else { break };
            match self.keys.values().find(|key| key.name == name) {
                Some(key) => maker = &key.created_by,
                None => break,
            }
        }
        self.users.contains_key(maker).then_some(maker)
    }

    /// Whether anybody is written here, and set-up is over.
    pub(crate) fn has_accounts(&self) -> bool {
        !self.users.is_empty() || !self.keys.is_empty()
    }

    /// Takes over what another book knows of last uses: those are noted on the board, and stored later.
    pub(crate) fn recall_uses(&self, other: &Book) {
        let keys = other
            .keys
            .iter()
            .filter_map(|(id, key)| Some((&self.keys.get(id)?.last_used, key.last_used.at()?)));
        let sessions = other.sessions.iter();
        let sessions =
            sessions.filter_map(|(id, open)| Some((&self.sessions.get(id)?.last_used, open.last_used.at()?)));
        for (last_used, at) in keys.chain(sessions) {
            last_used.note(at);
        }
    }

    /// A user who is admin, or an admin's key without end.
    fn has_admin(&self) -> bool {
        let person = self.users.values().any(|user| user.role == Role::Admin);
        let key = |key: &Arc<Key>| key.role == Role::Admin && key.expires_at.is_none();
        person || self.keys.values().any(key)
    }

    /// Makes a change, or refuses and is as before. `by`: who asked.
    pub(crate) fn apply(&mut self, change: Change, by: &str, now: Timestamp) -> Result<Vec<Fact>, Refusal> {
        let mut next = self.clone();
        let facts = next.make(change, by, now)?;
        if next.has_accounts() && !next.has_admin() {
            return Err(if self.has_accounts() {
                Refusal::LastAdmin
            } else {
                Refusal::FirstIsAdmin
            });
        }
        if self.has_accounts() && !next.has_accounts() {
            return Err(Refusal::LastAdmin);
        }
        *self = next;
        Ok(facts)
    }

    fn make(&mut self, change: Change, by: &str, now: Timestamp) -> Result<Vec<Fact>, Refusal> {
        let by = by.to_owned();
        match change {
            Change::AddUser { name, role, password } => self.add_user(name, role, password, by, now),
            Change::SetUser { name, role, password } => self.set_user(name, role, password, by),
            Change::RemoveUser { name } => self.remove_user(name, by),
            Change::AddKey {
                id,
                name,
                role,
                hash,
                expires_at,
            } => {
                let key = Key {
                    name,
                    role,
                    hash,
                    created_at: now,
                    created_by: by,
                    expires_at,
                    last_used: LastUse::default(),
                };
                self.add_key(id, key)
            }
            Change::RevokeKey { id } => self.revoke_key(id, by),
            Change::StartSession {
                id,
                user,
                hash,
                address,
                agent,
            } => {
                let last_used = LastUse::new(now);
                self.start_session(
                    id,
                    Session {
                        user,
                        hash,
                        created_at: now,
                        last_used,
                        address,
                        agent,
                    },
                )
            }
            Change::EndSession { id } => match self.end_sessions(vec![id], &by) {
                ended if ended.is_empty() => Err(Refusal::Unknown("session")),
                ended => Ok(ended),
            },
            Change::EndSessionsOf { user } => Ok(self.end_sessions_of(&user, &by)),
            Change::CountRefused { count, user, address } => Ok(vec![Fact::SignInsRefused { count, user, address }]),
            Change::TidyUp { lifetime } => {
                self.sessions.retain(|_, session| now < session.expires_at(lifetime));
                Ok(Vec::new())
            }
        }
    }

    fn add_user(
        &mut self,
        name: String,
        role: Role,
        password: String,
        by: String,
        now: Timestamp,
    ) -> Result<Vec<Fact>, Refusal> {
        if self.users.contains_key(&name) {
            return Err(Refusal::NameTaken("user"));
        }
        if self.users.len() >= MAX_USERS {
            return Err(Refusal::Full("users", MAX_USERS));
        }
        let user = User {
            role,
            password,
            created_at: now,
            known: Vec::new(),
        };
        self.users.insert(name.clone(), Arc::new(user));
        Ok(vec![Fact::UserAdded { name, role, by }])
    }

    /// A new password ends every session that the old one opened.
    fn set_user(
        &mut self,
        name: String,
        role: Option<Role>,
        password: Option<String>,
        by: String,
    ) -> Result<Vec<Fact>, Refusal> {
        let user = Arc::make_mut(self.users.get_mut(&name).ok_or(Refusal::Unknown("user"))?);
        let password_changed = password.is_some();
        user.role = role.unwrap_or(user.role);
        if let Some(password) = password {
            user.password = password;
        }
        let role = user.role;
        let mut facts = if password_changed {
            self.end_sessions_of(&name, &by)
        } else {
            Vec::new()
        };
        facts.push(Fact::UserChanged {
            name,
            role,
            password_changed,
            by,
        });
        Ok(facts)
    }

    fn remove_user(&mut self, name: String, by: String) -> Result<Vec<Fact>, Refusal> {
        self.users.remove(&name).ok_or(Refusal::Unknown("user"))?;
        let mut facts = self.end_sessions_of(&name, &by);
        facts.push(Fact::UserRemoved { name, by });
        Ok(facts)
    }

    fn revoke_key(&mut self, id: String, by: String) -> Result<Vec<Fact>, Refusal> {
        let key = self.keys.remove(&id).ok_or(Refusal::Unknown("key"))?;
        let name = key.name.clone();
        Ok(vec![Fact::KeyRevoked { id, name, by }])
    }

    fn add_key(&mut self, id: String, key: Key) -> Result<Vec<Fact>, Refusal> {
        if self.keys.values().any(|known| known.name == key.name) {
            return Err(Refusal::NameTaken("key"));
        }
        if self.keys.len() >= MAX_KEYS {
            return Err(Refusal::Full("keys", MAX_KEYS));
        }
        let fact = Fact::KeyAdded {
            id: id.clone(),
            name: key.name.clone(),
            role: key.role,
            expires_at: key.expires_at,
            by: key.created_by.clone(),
        };
        self.keys.insert(id, Arc::new(key));
        Ok(vec![fact])
    }

    fn start_session(&mut self, id: String, session: Session) -> Result<Vec<Fact>, Refusal> {
        let user = self.users.get_mut(&session.user).ok_or(Refusal::Unknown("user"))?;
        if let Some(address) = session.address.map(network) {
            let user = Arc::make_mut(user);
            user.known.retain(|known| *known != address);
            user.known.push(address);
            let surplus = user.known.len().saturating_sub(MAX_KNOWN);
            user.known.drain(..surplus);
        }
        let mut own: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, open)| open.user == session.user)
            .collect();
        own.sort_by_key(|(_, open)| open.last_used.at());
        let surplus = (own.len() + 1).saturating_sub(MAX_SESSIONS_A_USER);
        let surplus: Vec<String> = own.into_iter().take(surplus).map(|(id, _)| id.clone()).collect();
        let mut facts = self.end_sessions(surplus, &session.user.clone());
        facts.push(Fact::SessionStarted {
            id: id.clone(),
            user: session.user.clone(),
            address: session.address,
            agent: session.agent.clone(),
        });
        self.sessions.insert(id, Arc::new(session));
        Ok(facts)
    }

    fn end_sessions_of(&mut self, user: &str, by: &str) -> Vec<Fact> {
        let own = self.sessions.iter().filter(|(_, session)| session.user == user);
        let own = own.map(|(id, _)| id.clone()).collect();
        self.end_sessions(own, by)
    }

    fn end_sessions(&mut self, ids: Vec<String>, by: &str) -> Vec<Fact> {
        let end = |id: String| {
            let session = self.sessions.remove(&id)?;
            Some(Fact::SessionEnded {
                id,
                user: session.user.clone(),
                by: by.to_owned(),
            })
        };
        ids.into_iter().filter_map(end).collect()
    }
}

/// What one customer of a network is given: an IPv4 address, or a /64 of IPv6.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
