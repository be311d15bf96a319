//! `/api/v1/users`: people, their roles and passwords. For admins.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path, ServiceConfig, resource};
use model::{Role, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::door::Door;
use super::{Caller, problem};
use crate::access::{Access, Change, check_password, check_user_name, check_user_role};
use crate::web::paging::Paged;
use crate::web::problem::{Kind, Problem};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/users").get(list_users).post(add_user))
        .service(resource("/api/v1/users/{name}").patch(set_user).delete(remove_user));
}

/// Somebody who can sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserShown {
    /// Their name.
    name: String,
    /// What they may do.
    role: Role,
    /// Since when.
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// When one of their sessions was used last.
    #[schema(value_type = Option<String>)]
    last_used_at: Option<Timestamp>,
}

/// Somebody new.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// 1 to 32 letters, digits, dots, hyphens and underscores.
    #[schema(example = "ann", pattern = "^[A-Za-z0-9._-]{1,32}$")]
    name: String,
    /// viewer, operator or admin; the first account has to be an admin's.
    role: Role,
    /// At least 8 characters.
    #[schema(min_length = 8, max_length = 256)]
    password: String,
}

/// What becomes different. A new password ends the sessions that the old one opened.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    /// The new role.
    #[serde(default)]
    role: Option<Role>,
    /// The new password.
    #[serde(default)]
    #[schema(min_length = 8, max_length = 256)]
    password: Option<String>,
}

fn refuse(reason: String) -> Problem {
    Problem::new(Kind::BadBody, reason)
}

fn shown(access: &Access, name: &str) -> Option<UserShown> {
    let book = access.book();
    let user = book.users.get(name)?;
    let own = book.sessions.values().filter(|session| session.user == name);
    Some(UserShown {
        name: name.to_owned(),
        role: user.role,
        created_at: user.created_at,
        last_used_at: own.filter_map(|session| session.last_used.at()).max(),
    })
}

/// Everybody who can sign in.
#[utoipa::path(get, path = "/api/v1/users", tag = "access", responses(
    (status = 200, description = "The users, by name", body = Paged<UserShown>),
))]
pub(crate) async fn list_users(door: Data<Door>) -> Json<Paged<UserShown>> {
    let access = &door.access;
    let items = access
        .book()
        .users
        .keys()
        .filter_map(|name| shown(access, name))
        .collect();
    Json(Paged { items, next: None })
}

/// Adds somebody.
#[utoipa::path(post, path = "/api/v1/users", tag = "access", request_body = NewUser, responses(
    (status = 201, description = "They can sign in", body = UserShown),
    (status = 400, description = "Name, role or password is not acceptable", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The name is taken, or the first account would be no admin's", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn add_user(door: Data<Door>, caller: Caller, asked: Json<NewUser>) -> Result<HttpResponse, Problem> {
    let NewUser { name, role, password } = asked.into_inner();
    check_user_name(&name)
        .and(check_user_role(role))
        .and(check_password(&password))
        .map_err(refuse)?;
    let access = &door.access;
    let password = access.hash(password).await.map_err(|error| problem(&error))?;
    let add = Change::AddUser {
        name: name.clone(),
        role,
        password,
    };
    access
        .change(add, &caller.identity.name)
        .await
        .map_err(|error| problem(&error))?;
    Ok(HttpResponse::Created().json(shown(access, &name)))
}

/// Changes somebody's role or password.
#[utoipa::path(patch, path = "/api/v1/users/{name}", tag = "access", request_body = UserChange,
    params(("name" = String, Path, description = "Who")), responses(
    (status = 200, description = "It is changed", body = UserShown),
    (status = 400, description = "Role or password is not acceptable", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such user", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Nobody would be admin", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn set_user(
    door: Data<Door>,
    caller: Caller,
    name: Path<String>,
    asked: Json<UserChange>,
) -> Result<HttpResponse, Problem> {
    let UserChange { role, password } = asked.into_inner();
    role.map_or(Ok(()), check_user_role).map_err(refuse)?;
    password.as_deref().map_or(Ok(()), check_password).map_err(refuse)?;
    let (access, name) = (&door.access, name.into_inner());
    if shown(access, &name).is_none() {
        return Err(Problem::not_found("user of this name"));
    }
    let password = match password {
        Some(password) => Some(access.hash(password).await.map_err(|error| problem(&error))?),
        None => None,
    };
    let set = Change::SetUser {
        name: name.clone(),
        role,
        password,
    };
    access
        .change(set, &caller.identity.name)
        .await
        .map_err(|error| problem(&error))?;
    Ok(HttpResponse::Ok().json(shown(access, &name)))
}

/// Removes somebody and ends their sessions.
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "access",
    params(("name" = String, Path, description = "Who")), responses(
    (status = 204, description = "They are gone, from open streams too"),
    (status = 404, description = "There is no such user", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Nobody would be admin", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn remove_user(door: Data<Door>, caller: Caller, name: Path<String>) -> Result<HttpResponse, Problem> {
    let remove = Change::RemoveUser {
        name: name.into_inner(),
    };
    let removed = door.access.change(remove, &caller.identity.name).await;
    removed.map_err(|error| problem(&error))?;
    Ok(HttpResponse::NoContent().finish())
}
