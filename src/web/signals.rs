//! `/api/v1/signals`: the present values, for those who do not want to stay and listen.

use actix_web::web::{Data, Json, Query, ServiceConfig, resource};
use model::Signal;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::auth::Caller;
use super::paging::{Paged, list};
use super::problem::Problem;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(resource("/api/v1/signals").get(list_signals));
}

/// Which signals.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SignalsQuery {
    /// Source patterns, separated by commas: `repeater.*,station`. Everything if absent.
    source: Option<String>,
}

/// The present values: the repeater's state, how far its log is read, lines of no known form, the station's health.
#[utoipa::path(get, path = "/api/v1/signals", tag = "live", params(SignalsQuery), responses(
    (status = 200, description = "The values, those that changed last at the end", body = Paged<Signal>),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_signals(api: Data<Api>, caller: Caller, asked: Query<SignalsQuery>) -> Json<Paged<Signal>> {
    let patterns = list(asked.source.as_deref().or(Some("*")));
    let mut items = api.station.journal.signals().snapshot("*");
    items.retain(|signal| {
        patterns.iter().any(|pattern| signal.source.matches(pattern)) && caller.may_read(&signal.source)
    });
    Json(Paged { items, next: None })
}
