//! Who asks, and what they may: every request passes [`admit()`]; every handler that acts or hides takes a [`Caller`].
//!
//! ```text
//! request ─▶ guard (host, origin, size) ─▶ admit: credential → identity → rate → right ─▶ handler
//! ```

mod admit;
mod caller;
mod cookie;
mod door;
mod keys;
mod rate;
mod rights;
mod session;
mod sessions;
mod users;

pub(crate) use admit::admit;
pub(crate) use caller::{Caller, may_read};
pub(crate) use door::Door;

use actix_web::web::ServiceConfig;

use super::problem::{Kind, Problem};
use crate::access::AccessError;

pub(super) fn routes(config: &mut ServiceConfig) {
    for section in [session::routes, sessions::routes, users::routes, keys::routes] {
        config.configure(section);
    }
}

/// What a client is told of it.
fn problem(error: &AccessError) -> Problem {
    use crate::access::Refusal;
    match error {
        AccessError::Refused(Refusal::Unknown(what)) => Problem::not_found(format_args!("{what} of this name")),
        AccessError::Refused(
            Refusal::NameTaken(_) | Refusal::Full(..) | Refusal::FirstIsAdmin | Refusal::LastAdmin,
        ) => Problem::new(Kind::Conflict, error.to_string()),
        AccessError::Wrong => Problem::new(Kind::SignInRefused, error.to_string()),
        AccessError::TooFast(wait) => Problem::new(Kind::TooManyAttempts, error.to_string()).retry_after(*wait),
        AccessError::Busy | AccessError::Unavailable(_) => Problem::unavailable(error),
    }
}

/// What the API's description is made of.
#[cfg(test)]
pub(crate) mod described {
    pub(crate) use super::keys::{__path_add_key, __path_list_keys, __path_revoke_key};
    pub(crate) use super::rights::needed;
    pub(crate) use super::session::{__path_get_session, __path_sign_in, __path_sign_out};
    pub(crate) use super::sessions::{__path_end_session, __path_end_sessions, __path_list_sessions};
    pub(crate) use super::users::{__path_add_user, __path_list_users, __path_remove_user, __path_set_user};
}
