//! The middleware that names who asks, and lets pass whom the table of rights lets pass.
//!
//! A key that is wrong is refused wherever it comes from, never taken for none. A cookie that is no good any more is as none:
//! browsers send it by themselves, also long after.

use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, ResponseError};
use model::Timestamp;

use super::caller::Caller;
use super::door::{Client, Door};
use super::rate::Who;
use super::{cookie, rights};
use crate::access::{Credential, network};
use crate::web::problem::{Kind, Problem};

/// Where old clients show their key.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Where a page says the word that another site's page cannot know.
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// Beginning of the header in which everybody else shows theirs (RFC 6750).
const BEARER: &str = "bearer ";

/// Middleware: names the caller, and answers for those who may not.
pub(crate) async fn admit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match judge(&request) {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.call(request).await.map(ServiceResponse::map_into_left_body)
        }
        Err(problem) => Ok(request.into_response(problem.error_response()).map_into_right_body()),
    }
}

fn judge(request: &ServiceRequest) -> Result<Option<Caller>, Problem> {
    let unset = || Problem::new(Kind::Internal, "nobody stands at the door");
    let door = request.app_data::<Data<Door>>().ok_or_else(unset)?;
    let client = request.extensions().get::<Client>().copied().ok_or_else(unset)?;
    let named = named(door, client, request.headers());
    slow_down(door, client, named.as_ref().ok().and_then(Option::as_ref))?;
    // The path as the router sees it: `/%61pi` is `/api`.
    let Some(needed) = rights::needed(request.method(), request.match_info().unprocessed()) else {
        return Ok(named.unwrap_or(None));
    };
    let caller = named?.ok_or_else(Problem::unauthenticated)?;
    if !caller.identity.role.covers(needed) {
        return Err(Problem::forbidden(needed));
    }
    if !request.method().is_safe() && matches!(caller.credential, Credential::Session(_)) {
        demand_csrf(door, request.headers())?;
    }
    Ok(Some(caller))
}

/// Who asks, if anybody says so.
fn named(door: &Door, client: Client, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
    let now = Timestamp::now();
    let found = if let Some(key) = shown_key(headers)? {
        let wrong = || Problem::new(Kind::Unauthenticated, "the key is unknown, expired or revoked");
        Some(door.access.key(key, now).ok_or_else(wrong)?)
    } else {
        let token = cookie::read(headers).filter(|_| !client.is_foreign_page);
        let session = token.and_then(|token| door.access.session(token, now));
        session.or_else(|| {
            let local = client.is_local.then_some(Credential::Local)?;
            let identity = door.access.standing(&local, now)?;
            Some((local, identity))
        })
    };
    Ok(found.map(|(credential, identity)| Caller {
        identity,
        address: client.address,
        credential,
    }))
}

fn shown_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let malformed = || Problem::new(Kind::Unauthenticated, "write the key as `Authorization: Bearer KEY`");
    if let Some(shown) = headers.get(AUTHORIZATION) {
        let shown = shown.to_str().map_err(|_| malformed())?;
        let (scheme, key) = shown.split_at_checked(BEARER.len()).ok_or_else(malformed)?;
        return if scheme.eq_ignore_ascii_case(BEARER) {
            Ok(Some(key.trim()))
        } else {
            Err(malformed())
        };
    }
    let shown = headers
        .get(API_KEY)
        .map(|shown| shown.to_str().map_err(|_| malformed()));
    shown.transpose()
}

/// Programs of this computer are not counted, and neither are the frequent readers that an operator put on it with a key.
fn slow_down(door: &Door, client: Client, caller: Option<&Caller>) -> Result<(), Problem> {
    let Some(address) = client.address.filter(|_| !client.is_local) else {
        return Ok(());
    };
    let who = match caller {
        Some(caller) => Who::Shown(caller.credential.clone()),
        None => Who::At(network(address)),
    };
    let taken = door.rate.lock().take(who, Instant::now());
    taken.map_err(|wait| Problem::new(Kind::TooManyRequests, "this client asks too much").retry_after(wait))
}

/// The browser sends the cookie whoever made it ask. Only our own page can read the word that has to go with it.
pub(super) fn demand_csrf(door: &Door, headers: &HeaderMap) -> Result<(), Problem> {
    let said = headers
        .get(CSRF_TOKEN)
        .and_then(|said| said.to_str().ok())
        .unwrap_or_default();
    let token = cookie::read(headers).unwrap_or_default();
    if door.access.is_csrf(token, said) {
        return Ok(());
    }
    let detail = "a request with a cookie that changes something says `csrf` of GET /api/v1/session in X-CSRF-Token";
    Err(Problem::new(Kind::BadCsrf, detail))
}
