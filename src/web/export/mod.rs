//! `/api/v1/repeater/calls.csv` and `calls.adi`: finished calls for spreadsheets and log programs.
//!
//! A page at a time is read and written while the client takes it, so that a journal of any size costs one page of memory, and a
//! slow client holds no connection to the journal. Fails when: a page cannot be read; the transfer is then cut off, not ended.

mod adif;
mod csv;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Query, ServiceConfig, resource};
use futures_util::{Stream, StreamExt, stream};
use journal::Journal;
use model::Timestamp;
use model::repeater::{CallSource, Mode};
use repeater::query::{self, Call, CallQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;
use super::{Api, blocking};

/// Calls that are read at a time.
const PAGE_CALLS: u32 = 500;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/repeater/calls.csv").get(get_csv))
        .service(resource("/api/v1/repeater/calls.adi").get(get_adif));
}

/// Which calls.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
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
}

impl ExportQuery {
    fn first_page(self) -> CallQuery {
        CallQuery {
            mode: self.mode,
            callsign: self.callsign,
            destination: self.destination,
            source: self.source,
            from: self.from,
            to: self.to,
            before: None,
            limit: PAGE_CALLS,
        }
    }
}

/// Finished calls as CSV (RFC 4180), the newest first: the fields of a call, one column each.
///
/// A text that a spreadsheet would take for a formula has an apostrophe in front.
#[utoipa::path(get, path = "/api/v1/repeater/calls.csv", tag = "repeater", params(ExportQuery), responses(
    (status = 200, description = "All calls that fit", body = String, content_type = "text/csv"),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_csv(api: Data<Api>, asked: Query<ExportQuery>) -> HttpResponse {
    let rows = pages(api.station.journal.clone(), asked.into_inner().first_page(), csv::write);
    file("text/csv; charset=utf-8", "calls.csv", csv::header(), rows)
}

/// Finished calls as ADIF 3, the newest first, for log programs.
///
/// Calls without a callsign (an id that the host could not look up) and pages are no contacts and are left out. The frequencies
/// and the station's callsign are those that the host told last.
#[utoipa::path(get, path = "/api/v1/repeater/calls.adi", tag = "repeater", params(ExportQuery), responses(
    (status = 200, description = "All contacts that fit", body = String, content_type = "text/plain"),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_adif(api: Data<Api>, asked: Query<ExportQuery>) -> HttpResponse {
    let journal = api.station.journal.clone();
    let host = repeater::current_state(&journal).unwrap_or_default().host.configuration;
    let write = move |call: &Call, text: &mut String| adif::write(call, &host, text);
    let records = pages(journal, asked.into_inner().first_page(), write);
    file(
        "text/plain; charset=us-ascii",
        "calls.adi",
        adif::header(Timestamp::now()),
        records,
    )
}

/// The calls as text, a page at a time. Calls that end meanwhile come before the first page and so change nothing.
fn pages(
    journal: Journal,
    first: CallQuery,
    write: impl Fn(&Call, &mut String) + Clone + 'static,
) -> impl Stream<Item = Result<Bytes, Problem>> {
    stream::try_unfold(Some(first), move |query| {
        let (journal, write) = (journal.clone(), write.clone());
        async move {
            let Some(mut query) = query else {
                return Ok(None);
            };
            let asked = query.clone();
            let calls = blocking(move || journal.read(|connection| query::calls(connection, &asked))).await?;
            let mut text = String::new();
            for call in &calls {
                write(call, &mut text);
            }
            query.before = calls.last().map(|call| call.seq);
            let more = u32::try_from(calls.len()).is_ok_and(|count| count >= query.limit);
            Ok(Some((Bytes::from(text), more.then_some(query))))
        }
    })
}

fn file(
    kind: &'static str,
    name: &'static str,
    header: String,
    pages: impl Stream<Item = Result<Bytes, Problem>> + 'static,
) -> HttpResponse {
    let header = stream::once(async move { Ok(Bytes::from(header)) });
    // A page in which nothing is a contact is empty, and an empty chunk would end the transfer.
    let body = header.chain(pages).filter(|page| {
        let has_text = page.as_ref().map_or(true, |page| !page.is_empty());
        async move { has_text }
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(Box::pin(body))
}
