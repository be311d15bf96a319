//! The MMDVM log watcher's interface: `/api/status`, `/api/mode`, `/api/qsos`, `/api/health`, and its events at `/api/ws`.
//!
//! Field names and words are the watcher's (modes in capitals, `duration_seconds`, `rf_source`). What it never told is not invented:
//! a field without an answer is null. [`Mirror`] holds the state as it was last written, so that a dashboard that polls costs
//! neither a table nor a parser.

mod words;

use std::sync::Arc;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data, Json, Payload, Query, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{FutureExt, Stream, stream};
use journal::{Delivery, EventFilter, Journal, SignalWatch, Subscription};
use model::Timestamp;
use parking_lot::Mutex;
use repeater::query::{self, CallQuery};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use self::words::{Seen, WatcherEvent, WatcherHealth, WatcherModeNow, WatcherQso, WatcherStatus};
use crate::health::Word;
use crate::web::paging::limit;
use crate::web::problem::Problem;
use crate::web::{Api, blocking, ws};

/// The source of a repeater's events.
const REPEATER: &str = "repeater";

pub(in crate::web) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/status").get(get_status))
        .service(resource("/api/mode").get(get_mode))
        .service(resource("/api/qsos").get(list_qsos))
        .service(resource("/api/health").get(get_health))
        .service(resource("/api/ws").get(open));
}

/// The answers that are polled, written when the state changed and not when somebody asks. Clones share them.
#[derive(Clone)]
pub(in crate::web) struct Mirror(Arc<Mutex<Written>>);

struct Written {
    journal: Journal,
    watch: SignalWatch,
    status: Bytes,
    mode: Bytes,
}

impl Mirror {
    /// Watches first and reads then: a change in between is read twice rather than not at all.
    pub(in crate::web) fn new(journal: &Journal) -> Mirror {
        let mut written = Written {
            journal: journal.clone(),
            watch: journal.signals().subscribe(),
            status: Bytes::new(),
            mode: Bytes::new(),
        };
        written.write();
        Mirror(Arc::new(Mutex::new(written)))
    }

    fn answer(&self, which: impl Fn(&Written) -> &Bytes) -> HttpResponse {
        let body = {
            let mut written = self.0.lock();
            if written.watch.changed().now_or_never().is_some() {
                written.write();
            }
            which(&written).clone()
        };
        HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .content_type(actix_web::mime::APPLICATION_JSON)
            .body(body)
    }
}

impl Written {
    fn write(&mut self) {
        let state = repeater::current_state(&self.journal).unwrap_or_default();
        self.status = bytes(&WatcherStatus::of(&state));
        self.mode = bytes(&WatcherModeNow::of(&state));
    }
}

fn bytes(document: &impl Serialize) -> Bytes {
    let written = serde_json::to_vec(document);
    written.map(Bytes::from).unwrap_or_else(|error| {
        tracing::error!(%error, "state not written");
        Bytes::from_static(b"{}")
    })
}

/// The repeater at this moment.
#[utoipa::path(get, path = "/api/status", operation_id = "watcher_status", tag = "compatibility", responses(
    (status = 200, description = "Mode, modem, running calls", body = WatcherStatus),
))]
pub(crate) async fn get_status(api: Data<Api>) -> HttpResponse {
    api.watcher.answer(|written| &written.status)
}

/// What the repeater does.
#[utoipa::path(get, path = "/api/mode", operation_id = "watcher_mode", tag = "compatibility", responses(
    (status = 200, description = "The mode", body = WatcherModeNow),
))]
pub(crate) async fn get_mode(api: Data<Api>) -> HttpResponse {
    api.watcher.answer(|written| &written.mode)
}

/// How many calls. Unknown parameters are passed over, as the watcher did.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct QsosQuery {
    /// Items, 1 to 1000; 100 if absent.
    limit: Option<u32>,
}

/// Finished calls, the newest first.
#[utoipa::path(get, path = "/api/qsos", operation_id = "watcher_qsos", tag = "compatibility", params(QsosQuery), responses(
    (status = 200, description = "The calls", body = [WatcherQso]),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_qsos(api: Data<Api>, asked: Query<QsosQuery>) -> Result<Json<Vec<WatcherQso>>, Problem> {
    let newest = CallQuery {
        limit: limit(asked.limit)?,
        ..CallQuery::default()
    };
    let journal = api.station.journal.clone();
    let calls = blocking(move || journal.read(|connection| query::calls(connection, &newest))).await?;
    Ok(Json(calls.iter().map(|call| WatcherQso::of(&call.qso)).collect()))
}

/// Whether all is well.
#[utoipa::path(get, path = "/api/health", operation_id = "watcher_health", tag = "compatibility", responses(
    (status = 200, description = "Well, or degraded", body = WatcherHealth),
    (status = 503, description = "Down", body = WatcherHealth),
))]
pub(crate) async fn get_health(api: Data<Api>) -> Result<HttpResponse, Problem> {
    let supervision = api.supervision()?;
    let journal = &api.station.journal;
    let health = api.station.health.look(supervision, journal);
    let state = repeater::current_state(journal).unwrap_or_default();
    let on_air = state.active_calls.iter().map(|call| call.started_at).max();
    let seen = Seen {
        troubles: api.station.health.troubles(),
        last_activity: on_air.max(last_call(journal).await),
        heard_at: state.heard_at,
        sessions: api.clients.open_sessions(),
    };
    let mut response = match health.health {
        Word::Well | Word::Degraded => HttpResponse::Ok(),
        Word::Down => HttpResponse::ServiceUnavailable(),
    };
    let told = WatcherHealth::of(Timestamp::now(), &supervision.tree(), &health, seen);
    Ok(response.insert_header((CACHE_CONTROL, "no-store")).json(told))
}

/// End of the newest call that is over. Health is told even when the journal cannot be read.
async fn last_call(journal: &Journal) -> Option<Timestamp> {
    let newest = CallQuery {
        limit: 1,
        ..CallQuery::default()
    };
    let journal = journal.clone();
    let calls = blocking(move || journal.read(|connection| query::calls(connection, &newest))).await;
    let call = calls.ok()?.into_iter().next()?;
    Some(call.qso.ended_at.unwrap_or(call.qso.started_at))
}

/// Follows the repeater from now on, without asking for anything.
#[utoipa::path(get, path = "/api/ws", operation_id = "watcher_socket", tag = "compatibility", responses(
    (status = 101, description = "A WebSocket on which the service sends `WatcherEvent`s", body = WatcherEvent),
    (status = 400, description = "Not a WebSocket handshake", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many sessions", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn open(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, actix_web::Error> {
    let events = api.station.journal.subscribe(None, EventFilter::sources([REPEATER]));
    ws::follow(&api, &request, payload, told(events))
}

/// The events as they are sent. Whoever reads slowly gets them late, from the journal, and the watcher has no word for that.
fn told(events: Subscription) -> impl Stream<Item = String> {
    stream::unfold(events, |mut events| async move {
        loop {
            let Delivery::Event(event) = events.next().await else {
                continue;
            };
            if let Some(told) = WatcherEvent::of(&event).and_then(|told| serde_json::to_string(&told).ok()) {
                return Some((told, events));
            }
        }
    })
}
