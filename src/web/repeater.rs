//! `/api/v1/repeater/…`: what the repeater does now, its calls, who was heard, its links.

use actix_web::web::{Data, Json, Path, Query, ServiceConfig, resource};
use journal::Order;
use model::repeater::{CallSource, LinkStatus, Mode, RepeaterState};
use model::{Seq, Timestamp};
use repeater::query::{self, Call, CallQuery, Heard};
use serde::Deserialize;
use utoipa::IntoParams;

use super::paging::{Cursor, Paged, limit};
use super::problem::{Kind, Problem};
use super::{Api, blocking};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/repeater/state").get(get_state))
        .service(resource("/api/v1/repeater/calls").get(list_calls))
        .service(resource("/api/v1/repeater/calls/{seq}").get(get_call))
        .service(resource("/api/v1/repeater/last-heard").get(list_last_heard))
        .service(resource("/api/v1/repeater/links").get(list_links));
}

/// What the repeater does now.
#[utoipa::path(get, path = "/api/v1/repeater/state", tag = "repeater", responses(
    (status = 200, description = "Mode, running calls, links, host and modem", body = RepeaterState),
    (status = 503, description = "Not known yet", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_state(api: Data<Api>) -> Result<Json<RepeaterState>, Problem> {
    let state = repeater::current_state(&api.station.journal);
    state
        .map(Json)
        .ok_or_else(|| Problem::unavailable("the repeater's state is not known yet"))
}

/// Which calls.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallsQuery {
    /// Only calls in this mode.
    mode: Option<Mode>,
    /// Only calls of this callsign.
    callsign: Option<String>,
    /// Only calls to this talkgroup, room, station or route.
    destination: Option<String>,
    /// Only calls from a radio, or from the network.
    source: Option<CallSource>,
    /// Only calls that began at or after this time (RFC 3339, UTC).
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Only calls that began before this time (RFC 3339, UTC).
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// Items on the page, 1 to 1000; 100 if absent.
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// Finished calls, the newest first.
#[utoipa::path(get, path = "/api/v1/repeater/calls", tag = "repeater", params(CallsQuery), responses(
    (status = 200, description = "A page of calls", body = Paged<Call>),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_calls(api: Data<Api>, asked: Query<CallsQuery>) -> Result<Json<Paged<Call>>, Problem> {
    let asked = asked.into_inner();
    let limit = limit(asked.limit)?;
    let before = match asked.cursor {
        Some(Cursor {
            order: Order::OldestFirst,
            ..
        }) => {
            return Err(Problem::new(Kind::BadQuery, "cursor belongs to another list"));
        }
        cursor => cursor.map(|cursor| cursor.seq),
    };
    let query = CallQuery {
        mode: asked.mode,
        callsign: asked.callsign,
        destination: asked.destination,
        source: asked.source,
        from: asked.from,
        to: asked.to,
        before,
        limit: limit.saturating_add(1),
    };
    let journal = api.station.journal.clone();
    let calls = blocking(move || journal.read(|connection| query::calls(connection, &query))).await?;
    Ok(Json(Paged::new(calls, limit, Order::NewestFirst, |call| call.seq)))
}

/// One finished call, by the position of its end in the journal.
#[utoipa::path(get, path = "/api/v1/repeater/calls/{seq}", tag = "repeater",
    params(("seq" = u64, Path, description = "Position in the journal")), responses(
    (status = 200, description = "The call", body = Call),
    (status = 404, description = "There is no such call", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_call(api: Data<Api>, seq: Path<u64>) -> Result<Json<Call>, Problem> {
    let seq = Seq(seq.into_inner());
    let journal = api.station.journal.clone();
    let call = blocking(move || journal.read(|connection| query::call(connection, seq))).await?;
    call.map(Json)
        .ok_or_else(|| Problem::not_found(format_args!("call {seq}")))
}

/// How many stations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HeardQuery {
    /// Items, 1 to 1000; 100 if absent.
    limit: Option<u32>,
}

/// Who was heard, each once, the latest first.
#[utoipa::path(get, path = "/api/v1/repeater/last-heard", tag = "repeater", params(HeardQuery), responses(
    (status = 200, description = "The stations", body = Paged<Heard>),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_last_heard(api: Data<Api>, asked: Query<HeardQuery>) -> Result<Json<Paged<Heard>>, Problem> {
    let limit = limit(asked.limit)?;
    let journal = api.station.journal.clone();
    let items = blocking(move || journal.read(|connection| query::last_heard(connection, limit))).await?;
    Ok(Json(Paged { items, next: None }))
}

/// The links to reflectors, masters and rooms.
#[utoipa::path(get, path = "/api/v1/repeater/links", tag = "repeater", responses(
    (status = 200, description = "The links", body = Paged<LinkStatus>),
))]
pub(crate) async fn list_links(api: Data<Api>) -> Result<Json<Paged<LinkStatus>>, Problem> {
    let journal = api.station.journal.clone();
    let items = blocking(move || journal.read(query::links)).await?;
    Ok(Json(Paged { items, next: None }))
}
