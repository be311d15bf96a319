//! Who asks, as far as it was checked.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use model::{Identity, Role, Source};

use crate::access::{ACCESS, Credential};
use crate::live::CONFIG;
use crate::web::problem::Problem;

/// Somebody who asks. Handlers get one of whom the [table of rights](super::rights) already let pass what it could.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Name and role.
    pub(crate) identity: Identity,
    /// Where from.
    pub(crate) address: Option<IpAddr>,
    /// How they proved it.
    pub(crate) credential: Credential,
}

impl Caller {
    /// Whether they may read what this source says.
    pub(crate) fn may_read(&self, source: &Source) -> bool {
        may_read(self.identity.role, source)
    }
}

/// Whether somebody in this role may read what a source says. Who has which account is the admins' business, and how the
/// station is configured that of the operators.
pub(crate) fn may_read(role: Role, source: &Source) -> bool {
    let needed = if source.matches(ACCESS) {
        Role::Admin
    } else if source.matches(CONFIG) {
        Role::Operator
    } else {
        return true;
    };
    role.covers(needed)
}

impl Caller {
    /// Lets through who has at least this role.
    pub(crate) fn needs(&self, role: Role) -> Result<(), Problem> {
        let enough = self.identity.role.covers(role);
        enough.then_some(()).ok_or_else(|| Problem::forbidden(role))
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Caller, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let admitted = request.extensions().get::<Caller>().cloned();
        ready(admitted.ok_or_else(Problem::unauthenticated))
    }
}
