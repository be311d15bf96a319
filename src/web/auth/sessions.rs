//! `/api/v1/sessions`: where somebody is signed in, and signing out there. Admins see and end everybody's.

use std::net::IpAddr;

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, ServiceConfig, resource};
use model::{Role, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::door::Door;
use super::{Caller, problem};
use crate::access::{Change, Credential};
use crate::web::paging::Paged;
use crate::web::problem::Problem;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/sessions").get(list_sessions).delete(end_sessions))
        .service(resource("/api/v1/sessions/{id}").delete(end_session));
}

/// A browser in which somebody is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionShown {
    /// Its name in the API.
    id: String,
    /// Who signed in.
    user: String,
    /// What they may do.
    role: Role,
    /// When they signed in.
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// When it was used last.
    #[schema(value_type = Option<String>)]
    last_used_at: Option<Timestamp>,
    /// Where they signed in from.
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    /// What the browser calls itself.
    agent: String,
    /// Whether it is the one that asks.
    current: bool,
}

impl Caller {
    fn owns(&self, user: &str) -> bool {
        matches!(self.credential, Credential::Session(_)) && *self.identity.name == *user
    }
}

/// The caller's sessions; an admin's answer has everybody's.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "access", responses(
    (status = 200, description = "The sessions, the newest first", body = Paged<SessionShown>),
))]
pub(crate) async fn list_sessions(door: Data<Door>, caller: Caller) -> Json<Paged<SessionShown>> {
    let book = door.access.book();
    let (lifetime, now) = (door.access.lifetime(), Timestamp::now());
    let shown = book.sessions.iter().filter(|(_, session)| {
        (caller.identity.role == Role::Admin || caller.owns(&session.user)) && now < session.expires_at(lifetime)
    });
    let shown = shown.filter_map(|(id, session)| {
        Some(SessionShown {
            id: id.clone(),
            user: session.user.clone(),
            role: book.users.get(&session.user)?.role,
            created_at: session.created_at,
            last_used_at: session.last_used.at(),
            address: session.address,
            agent: session.agent.clone(),
            current: caller.credential == Credential::Session(id.clone()),
        })
    });
    let mut items: Vec<_> = shown.collect();
    items.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    Json(Paged { items, next: None })
}

/// Signs out everywhere: every session of the caller ends, this one too.
#[utoipa::path(delete, path = "/api/v1/sessions", tag = "access", responses(
    (status = 204, description = "Signed out everywhere"),
))]
pub(crate) async fn end_sessions(door: Data<Door>, caller: Caller) -> Result<HttpResponse, Problem> {
    if matches!(caller.credential, Credential::Session(_)) {
        let user = caller.identity.name.to_string();
        let ended = door
            .access
            .change(Change::EndSessionsOf { user }, &caller.identity.name)
            .await;
        ended.map_err(|error| problem(&error))?;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one session: of one's own, or as an admin anybody's.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "access",
    params(("id" = String, Path, description = "Which session")), responses(
    (status = 204, description = "It has ended, on its open streams too"),
    (status = 404, description = "There is no such session", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn end_session(door: Data<Door>, caller: Caller, id: Path<String>) -> Result<HttpResponse, Problem> {
    let id = id.into_inner();
    let book = door.access.book();
    let found = book.sessions.get(&id);
    let may = |user: &str| caller.identity.role == Role::Admin || caller.owns(user);
    // Whose it is, is not for everybody: a session of somebody else is none.
    if !found.is_some_and(|session| may(&session.user)) {
        return Err(Problem::not_found("session of this id"));
    }
    let ended = door
        .access
        .change(Change::EndSession { id }, &caller.identity.name)
        .await;
    ended.map_err(|error| problem(&error))?;
    Ok(HttpResponse::NoContent().finish())
}
