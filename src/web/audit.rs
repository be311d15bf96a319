//! `/api/v1/audit`: who did what, sealed and chained.

use actix_web::web::{Data, Json, Query, ServiceConfig, resource};
use gate::query::{self, AuditPage, Verified};
use model::{Role, Seq};
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::Caller;
use super::paging::limit;
use super::problem::Problem;
use super::{Api, blocking};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/audit").get(list_audit))
        .service(resource("/api/v1/audit/verify").get(verify_audit));
}

/// Which rows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Rows on the page, 1 to 1000; 100 if absent.
    limit: Option<u32>,
    /// Only rows of events ahead of this position: the `seq` of the last row of the page before.
    before: Option<u64>,
}

/// The audit, the newest rows first, each page checked by itself.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditQuery), responses(
    (status = 200, description = "A page of rows, and whether they are as they were written", body = AuditPage),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "It takes an operator", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_audit(
    api: Data<Api>,
    caller: Caller,
    query: Query<AuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    caller.needs(Role::Operator)?;
    let (limit, before) = (limit(query.limit)?, query.before.map(Seq));
    let (journal, seal) = (api.station.journal.clone(), api.station.seal.clone());
    let page = blocking(move || journal.read(|connection| query::audit(connection, &seal, before, limit))).await?;
    Ok(Json(page))
}

/// Checks the audit as a whole: every row, its end, and that no event of the journal was left out.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", responses(
    (status = 200, description = "What was found", body = Verified),
    (status = 403, description = "It takes an operator", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn verify_audit(api: Data<Api>, caller: Caller) -> Result<Json<Verified>, Problem> {
    caller.needs(Role::Operator)?;
    let (journal, seal) = (api.station.journal.clone(), api.station.seal.clone());
    let verified = blocking(move || journal.read(|connection| query::verify(connection, &seal))).await?;
    Ok(Json(verified))
}
