//! Who asks, as far as it was checked.

use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use model::{Identity, Role};

use crate::web::problem::Problem;

/// The name of this computer's own users and programs.
const LOCAL: &str = "local";

/// Somebody who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Name and role.
    pub(crate) identity: Identity,
    /// Where from.
    pub(crate) address: Option<IpAddr>,
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
        ready(Ok(Caller {
            identity: Identity::new(LOCAL, Role::Admin),
            address: request.peer_addr().map(|peer| peer.ip()),
        }))
    }
}
