//! `/stream`: the live session as server-sent events, for scripts and for browsers behind proxies that break WebSockets.
//!
//! The body is polled only while the socket takes data, so a slow reader slows its own feed and nothing else. One that never
//! reads while nothing happens cannot be told from one that reads: it holds a seat and no memory, until something does.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{Bytes, Data, Query, ServiceConfig, resource};
use futures_util::stream::{self, Stream, StreamExt};
use model::{Seq, Subscribe};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::feed::{Feed, Frame};
use super::paging::list;
use super::problem::{Kind, Problem};
use super::scribe::Scribe;

/// Pause after which a comment says that the line is alive. A peer that is gone does not acknowledge it, and the kernel cuts it
/// off soon after ([`super::listen`]): together less than half a minute.
const COMMENT_EVERY: Duration = Duration::from_secs(4);

const _: () = assert!(COMMENT_EVERY.as_secs() + super::STALLED_PEER_LIMIT.as_secs() < 30);

/// What a browser is told to wait before it comes back, in milliseconds.
const RETRY_MS: u32 = 2000;

/// The header by which a browser says what it saw last (HTML standard, server-sent events).
const LAST_EVENT_ID: &str = "Last-Event-ID";

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(resource("/stream").get(open));
}

/// What to follow.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Source patterns, separated by commas; everything if absent.
    subscribe: Option<String>,
    /// Events behind this position come first. The header `Last-Event-ID` wins.
    since: Option<u64>,
}

/// Follows the station: `event: snapshot|event|signal|lagged`, each with a `Frame` as data; the id is the position.
#[utoipa::path(get, path = "/stream", operation_id = "open_stream", tag = "live",
    params(StreamQuery, ("Last-Event-ID" = Option<u64>, Header, description = "Position of the last event seen")),
    responses(
    (status = 200, description = "An endless stream", body = Frame, content_type = "text/event-stream"),
    (status = 503, description = "Too many sessions", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn open(
    api: Data<Api>,
    request: HttpRequest,
    query: Query<StreamQuery>,
) -> Result<HttpResponse, Problem> {
    let seat = api.clients.take_seat()?;
    let wanted = wanted(&request, &query)?;
    let closing = api.closing();
    let scribe = api.scribe.clone();
    let frames = Feed::open(&api, wanted)
        .into_stream()
        .map(move |frame| written(frame, &scribe));
    let body = with_comments(frames).take_until(closing).map(move |chunk| {
        let _held_until_the_stream_is_dropped = &seat;
        Ok::<Bytes, actix_web::Error>(chunk)
    });
    Ok(HttpResponse::Ok()
        .insert_header(ContentType(mime()))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body))
}

fn mime() -> actix_web::mime::Mime {
    actix_web::mime::TEXT_EVENT_STREAM
}

fn wanted(request: &HttpRequest, query: &StreamQuery) -> Result<Subscribe, Problem> {
    let last_seen = match request.headers().get(LAST_EVENT_ID) {
        None => query.since,
        Some(id) => {
            let seq = id.to_str().ok().and_then(|id| id.parse().ok());
            let refusal = || Problem::new(Kind::BadRequest, "Last-Event-ID is none that this service gave");
            Some(seq.ok_or_else(refusal)?)
        }
    };
    let patterns = list(query.subscribe.as_deref().or(Some("*")));
    let wanted = Subscribe {
        subscribe: patterns,
        since: last_seen.map(Seq),
    };
    wanted
        .checked()
        .map_err(|refusal| Problem::new(Kind::BadMessage, refusal.to_string()))
}

/// One frame in the format of the HTML standard. JSON has no line breaks, so one `data:` line is enough.
fn written(frame: Frame, scribe: &Scribe) -> Bytes {
    let name = frame.name();
    let head = match &frame {
        Frame::Event(event) => format!("id: {}\n", event.seq),
        Frame::Snapshot(snapshot) => format!("retry: {RETRY_MS}\nid: {}\n", snapshot.since),
        Frame::Signal(_) | Frame::Lagged { .. } | Frame::Error(_) => String::new(),
    };
    let data = scribe.text(frame);
    Bytes::from(format!("{head}event: {name}\ndata: {data}\n\n"))
}

/// A comment whenever nothing was said for a while.
fn with_comments(frames: impl Stream<Item = Bytes>) -> impl Stream<Item = Bytes> {
    stream::unfold(Box::pin(frames), |mut frames| async move {
        let chunk = match tokio::time::timeout(COMMENT_EVERY, frames.next()).await {
            Ok(chunk) => chunk?,
            Err(_) => Bytes::from_static(b": alive\n\n"),
        };
        Some((chunk, frames))
    })
}
