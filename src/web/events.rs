//! `/api/v1/events`: the journal, page by page.

use actix_web::web::{Data, Json, Path, Query, ServiceConfig, resource};
use journal::{EventFilter, EventQuery, Order};
use model::{Event, Seq, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::Caller;
use super::paging::{Cursor, Paged, limit, list};
use super::problem::Problem;
use super::{Api, blocking};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/events").get(list_events))
        .service(resource("/api/v1/events/{seq}").get(get_event));
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Source patterns, separated by commas: `repeater.*,kernel`.
    source: Option<String>,
    /// Event types, separated by commas: `qso_ended,mode_changed`.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// Only events behind this position, oldest first. Without it, the newest come first.
    since: Option<u64>,
    /// Only events at or after this time (RFC 3339, UTC).
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Only events before this time (RFC 3339, UTC).
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// Items on the page, 1 to 1000; 100 if absent.
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

impl EventsQuery {
    fn journal_query(&self, limit: u32) -> EventQuery {
        let start = self.cursor.unwrap_or(match self.since {
            Some(since) => Cursor {
                order: Order::OldestFirst,
                seq: Seq(since),
            },
            None => Cursor {
                order: Order::NewestFirst,
                seq: Seq(u64::MAX),
            },
        });
        let (after, before) = match start.order {
            Order::OldestFirst => (Some(start.seq), None),
            Order::NewestFirst => (self.since.map(Seq), Some(start.seq).filter(|seq| seq.0 < u64::MAX)),
        };
        EventQuery {
            after,
            before,
            from: self.from,
            to: self.to,
            filter: EventFilter {
                sources: list(self.source.as_deref()),
                types: list(self.event_type.as_deref()),
            },
            order: start.order,
            limit: limit.saturating_add(1),
        }
    }
}

/// Events of the journal. A page may have less items than asked for, or none, and still a `next`: those of the source `access`
/// are for admins.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventsQuery), responses(
    (status = 200, description = "A page of events", body = Paged<Event>),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_events(
    api: Data<Api>,
    caller: Caller,
    query: Query<EventsQuery>,
) -> Result<Json<Paged<Event>>, Problem> {
    let limit = limit(query.limit)?;
    let query = query.journal_query(limit);
    let order = query.order;
    let journal = api.station.journal.clone();
    let events = blocking(move || journal.events(&query)).await?;
    let mut page = Paged::new(events, limit, order, |event| event.seq);
    page.items.retain(|event| caller.may_read(&event.source));
    Ok(Json(page))
}

/// One event by its position.
#[utoipa::path(get, path = "/api/v1/events/{seq}", tag = "events",
    params(("seq" = u64, Path, description = "Position in the journal")), responses(
    (status = 200, description = "The event", body = Event),
    (status = 404, description = "The journal has no such event", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_event(api: Data<Api>, caller: Caller, seq: Path<u64>) -> Result<Json<Event>, Problem> {
    let seq = Seq(seq.into_inner());
    let query = EventQuery {
        after: Some(Seq(seq.0.saturating_sub(1))),
        limit: 1,
        ..EventQuery::default()
    };
    let journal = api.station.journal.clone();
    let found = blocking(move || journal.events(&query)).await?;
    let event = found
        .into_iter()
        .find(|event| event.seq == seq && caller.may_read(&event.source));
    event
        .map(Json)
        .ok_or_else(|| Problem::not_found(format_args!("event {seq}")))
}
