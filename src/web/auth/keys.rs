//! `/api/v1/keys`: what programs show. For admins.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json, Path, ServiceConfig, resource};
use model::{Command, CommandState, Role, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::door::Door;
use super::{Caller, problem};
use crate::access::{Access, check_key_name};
use crate::effects::revocation;
use crate::web::paging::Paged;
use crate::web::problem::{Kind, Problem};
use crate::web::{Api, commands};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/keys").get(list_keys).post(add_key))
        .service(resource("/api/v1/keys/{id}").delete(revoke_key));
}

/// A key, without what makes it one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyShown {
    /// Its name in the API, and the part of it that is no secret.
    id: String,
    /// What it is for.
    name: String,
    /// What it lets do.
    role: Role,
    /// Since when.
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// Until when; null: until it is revoked.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
    /// When it was used last.
    #[schema(value_type = Option<String>)]
    last_used_at: Option<Timestamp>,
    /// Who made it.
    created_by: String,
}

/// A key that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyAsked {
    /// What it is for, 1 to 64 characters.
    #[schema(example = "dashboard", min_length = 1, max_length = 64)]
    name: String,
    /// What it shall let do.
    role: Role,
    /// When it shall end (RFC 3339, UTC); absent: when it is revoked.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyMade {
    /// The key itself: shown now and never again.
    #[schema(example = "sk_0123456789ab_0123456789abcdef0123456789abcdef0123456789abcdef")]
    key: String,
    #[serde(flatten)]
    shown: KeyShown,
}

fn shown(access: &Access, id: &str) -> Option<KeyShown> {
    let book = access.book();
    let key = book.keys.get(id)?;
    Some(KeyShown {
        id: id.to_owned(),
        name: key.name.clone(),
        role: key.role,
        created_at: key.created_at,
        expires_at: key.expires_at,
        last_used_at: key.last_used.at(),
        created_by: key.created_by.clone(),
    })
}

/// All keys, expired ones too.
#[utoipa::path(get, path = "/api/v1/keys", tag = "access", responses(
    (status = 200, description = "The keys, by name", body = Paged<KeyShown>),
))]
pub(crate) async fn list_keys(door: Data<Door>) -> Json<Paged<KeyShown>> {
    let access = &door.access;
    let mut items: Vec<_> = access.book().keys.keys().filter_map(|id| shown(access, id)).collect();
    items.sort_by(|a, b| a.name.cmp(&b.name));
    Json(Paged { items, next: None })
}

/// Makes a key. The answer has it once; the station keeps no more than its hash.
#[utoipa::path(post, path = "/api/v1/keys", tag = "access", request_body = NewKeyAsked, responses(
    (status = 201, description = "The key", body = KeyMade),
    (status = 400, description = "Name or end is not acceptable", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The name is taken, or the first account would be no admin's", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn add_key(
    door: Data<Door>,
    caller: Caller,
    asked: Json<NewKeyAsked>,
) -> Result<HttpResponse, Problem> {
    let NewKeyAsked { name, role, expires_at } = asked.into_inner();
    check_key_name(&name).map_err(|reason| Problem::new(Kind::BadBody, reason))?;
    if expires_at.is_some_and(|end| end <= Timestamp::now()) {
        return Err(Problem::new(Kind::BadBody, "expires_at is in the past"));
    }
    let access = &door.access;
    let made = access.add_key(name, role, expires_at, &caller.identity.name).await;
    let made = made.map_err(|error| problem(&error))?;
    let shown = shown(access, &made.id).ok_or_else(|| Problem::not_found("key of this id any more"))?;
    let body = KeyMade { key: made.token, shown };
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(body))
}

/// Revokes a key, by way of the gate. It is of no use from the answer on, and open streams that were opened with it end.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "access",
    params(("id" = String, Path, description = "Which key")), responses(
    (status = 202, description = "The policy has it wait for people", body = Command),
    (status = 204, description = "It is revoked"),
    (status = 403, description = "The policy forbids it", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such key", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Nobody would be admin", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "It cannot be noted now", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn revoke_key(api: Data<Api>, caller: Caller, id: Path<String>) -> Result<HttpResponse, Problem> {
    let gate = &api.station.gate;
    let order = revocation(&id, commands::origin(&caller, None));
    let submitted = gate.submit(order, &caller.identity).await;
    let command = commands::settled(gate, submitted.map_err(commands::problem)?).await;
    let error = || command.error.clone().unwrap_or_default();
    match command.state {
        CommandState::Done => Ok(HttpResponse::NoContent().finish()),
        CommandState::Failed => Err(Problem::new(Kind::Conflict, error())),
        CommandState::Unknown => Err(Problem::new(Kind::Timeout, error())),
        CommandState::Refused => Err(Problem::new(Kind::Forbidden, "the policy forbids it")),
        CommandState::Requested
        | CommandState::Approved
        | CommandState::Executing
        | CommandState::Rejected
        | CommandState::Expired
        | CommandState::Cancelled
        | CommandState::RolledBack => Ok(commands::answer(&command)),
    }
}
