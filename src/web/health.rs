//! `/api/v1/health`: one word, its causes, since when. 503 when the station is down, for monitors that read only the status.

use actix_web::HttpResponse;
use actix_web::web::{Data, ServiceConfig, resource};

use super::Api;
use super::problem::Problem;
use crate::health::{Health, Word};

pub(super) fn routes(config: &mut ServiceConfig) {
    // Many monitors only ask for the head.
    config.service(resource("/api/v1/health").get(get_health).head(get_health));
}

/// Whether the station is well.
#[utoipa::path(get, path = "/api/v1/health", tag = "health", responses(
    (status = 200, description = "Well, or degraded", body = Health),
    (status = 503, description = "Down", body = Health),
))]
pub(crate) async fn get_health(api: Data<Api>) -> Result<HttpResponse, Problem> {
    let supervision = api.supervision()?;
    let health = api
        .station
        .health
        .look(supervision, &api.station.journal, &api.station.gate);
    let mut response = match health.health {
        Word::Well | Word::Degraded => HttpResponse::Ok(),
        Word::Down => HttpResponse::ServiceUnavailable(),
    };
    Ok(response.insert_header(("Cache-Control", "no-store")).json(health))
}
