//! `/api/v1/session`: who am I, sign in, sign out. Open to everybody, so that the page can ask before anybody is known.

use actix_web::http::header::{CACHE_CONTROL, SET_COOKIE, USER_AGENT};
use actix_web::web::{Data, Json, ServiceConfig, resource};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use model::{Identity, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::door::{Client, Door};
use super::{Caller, cookie, problem};
use crate::access::{Access, Change, Credential, PASSWORD_MAX_BYTES};
use crate::web::problem::Problem;

/// Longest user agent that is kept, in characters.
const MAX_AGENT_CHARS: usize = 160;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(
        resource("/api/v1/session")
            .get(get_session)
            .post(sign_in)
            .delete(sign_out),
    );
}

/// Who somebody is to the station.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionNow {
    /// Name and role; null: unknown.
    #[schema(required)]
    identity: Option<Identity>,
    /// How it is known; null with the identity.
    #[schema(required)]
    via: Option<Via>,
    /// Whether there is any account. If not, set-up is not over, and this computer's own users are admins.
    accounts: bool,
    /// When the session ends if nothing is asked until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
    /// What requests that change something say in `X-CSRF-Token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<String>,
}

/// How somebody is known.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Via {
    /// By sitting at this computer.
    Local,
    /// By a cookie.
    Session,
    /// By a key.
    Key,
}

/// A name and its password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// Name of the user.
    user: String,
    /// Password of the user.
    password: String,
}

/// Who I am. Never refused.
#[utoipa::path(get, path = "/api/v1/session", tag = "access", responses(
    (status = 200, description = "Who asks, as far as it is known", body = SessionNow),
))]
pub(crate) async fn get_session(door: Data<Door>, request: HttpRequest) -> HttpResponse {
    let caller = request.extensions().get::<Caller>().cloned();
    let token = cookie::read(request.headers());
    let now = now(
        &door.access,
        caller.as_ref().map(|caller| (&caller.credential, &caller.identity)),
        token,
    );
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(now)
}

/// Signs in: the answer sets the cookie `stationd_session`. A session that the browser had before ends.
#[utoipa::path(post, path = "/api/v1/session", tag = "access", request_body = SignIn, responses(
    (status = 200, description = "Signed in", body = SessionNow),
    (status = 401, description = "Name or password is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many attempts; `Retry-After` says when", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn sign_in(
    door: Data<Door>,
    request: HttpRequest,
    asked: Json<SignIn>,
) -> Result<HttpResponse, Problem> {
    let SignIn { user, password } = asked.into_inner();
    if password.len() > PASSWORD_MAX_BYTES || user.len() > PASSWORD_MAX_BYTES {
        return Err(problem(&crate::access::AccessError::Wrong));
    }
    let access = &door.access;
    let address = request.extensions().get::<Client>().and_then(|client| client.address);
    let signed_in = access.sign_in(user, password, address, agent(&request)).await;
    let signed_in = signed_in.map_err(|error| problem(&error))?;
    let before = cookie::read(request.headers()).and_then(|token| access.session(token, Timestamp::now()));
    if let Some((Credential::Session(id), identity)) = before {
        let ended = access.change(Change::EndSession { id }, &identity.name).await;
        ended.map_err(|error| problem(&error))?;
    }
    let token = signed_in.token.as_str();
    let answer = now(access, Some((&signed_in.credential, &signed_in.identity)), Some(token));
    let given = cookie::give(token, access.lifetime().whole, door.is_encrypted);
    Ok(HttpResponse::Ok()
        .insert_header((SET_COOKIE, given))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(answer))
}

/// Signs out: this session ends, and its cookie is taken away.
#[utoipa::path(delete, path = "/api/v1/session", tag = "access", responses(
    (status = 204, description = "Signed out, or was not signed in"),
))]
pub(crate) async fn sign_out(door: Data<Door>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let caller = request.extensions().get::<Caller>().cloned();
    if let Some(Caller {
        credential: Credential::Session(id),
        identity,
        ..
    }) = caller
    {
        super::admit::demand_csrf(&door, request.headers())?;
        let ended = door.access.change(Change::EndSession { id }, &identity.name).await;
        ended.map_err(|error| problem(&error))?;
    }
    let taken = cookie::take(door.is_encrypted);
    Ok(HttpResponse::NoContent().insert_header((SET_COOKIE, taken)).finish())
}

fn now(access: &Access, known: Option<(&Credential, &Identity)>, token: Option<&str>) -> SessionNow {
    let book = access.book();
    let mut now = SessionNow {
        identity: known.map(|(_, identity)| identity.clone()),
        via: known.map(|(credential, _)| match credential {
            Credential::Local => Via::Local,
            Credential::Key(_) => Via::Key,
            Credential::Session(_) => Via::Session,
        }),
        accounts: book.has_accounts(),
        expires_at: None,
        csrf: None,
    };
    match known {
        Some((Credential::Session(id), _)) => {
            now.expires_at = book
                .sessions
                .get(id)
                .map(|session| session.expires_at(access.lifetime()));
            now.csrf = token.map(|token| access.csrf(token));
        }
        Some((Credential::Key(id), _)) => now.expires_at = book.keys.get(id).and_then(|key| key.expires_at),
        Some((Credential::Local, _)) | None => {}
    }
    now
}

fn agent(request: &HttpRequest) -> String {
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let agent = agent.unwrap_or_default();
    agent
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_AGENT_CHARS)
        .collect()
}
