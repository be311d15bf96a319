//! `/api/v1/config`: the configuration in force, its versions, and what becomes of another one. Changes pass the gate.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, ServiceConfig, resource};
use model::{Role, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::commands::{answer, origin, printable, problem, settled};
use super::problem::{Kind, Problem};
use crate::config::{ProblemShown, origins, shown};
use crate::live::{Difference, LiveError, What, request};

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/config").get(get_config))
        .service(resource("/api/v1/config/versions").get(list_versions))
        .service(resource("/api/v1/config/validate").post(validate_config))
        .service(resource("/api/v1/config/apply").post(apply_config))
        .service(resource("/api/v1/config/rollback").post(roll_back_config))
        .service(resource("/api/v1/config/reload").post(reload_config));
}

/// The configuration in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfigShown {
    /// Values by section and key; secrets are `•••`.
    #[schema(value_type = Object)]
    sections: Value,
    /// Where each value comes from: `default`, `file` or `environment`.
    origin: BTreeMap<String, &'static str>,
    /// The version in force; 0 as long as there is none.
    version: u64,
    /// The version that has to prove itself, if there is one.
    on_trial: Option<u64>,
    /// The file that can be changed; null where there is none.
    file: Option<String>,
    /// What is wrong with the file as it is now: keys, reasons, lines.
    #[schema(value_type = Vec<Object>)]
    problems: Vec<ProblemShown>,
    /// Keys of the file that a reload or a restart of the service would change.
    pending: Vec<String>,
}

/// A version of the configuration.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionShown {
    /// Its number.
    version: u64,
    /// When it was in force first.
    #[schema(value_type = String)]
    at: Timestamp,
    /// Who brought it.
    who: String,
    /// Why.
    why: String,
    /// Whether it is in force.
    current: bool,
}

/// All versions that are kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Versions {
    /// The newest first.
    items: Vec<VersionShown>,
}

/// A text to check.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TomlText {
    /// The whole configuration file.
    toml: String,
}

/// A text to put in force.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplyRequest {
    /// The whole configuration file.
    toml: String,
    /// Why, up to 500 characters.
    #[serde(default)]
    reason: String,
}

/// A version to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackRequest {
    /// Its number.
    version: u64,
    /// Why, up to 500 characters.
    #[serde(default)]
    reason: String,
}

/// Why the file is to be read again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReloadRequest {
    /// Why, up to 500 characters.
    reason: String,
}

/// What came of a check.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checked {
    /// Whether it could be applied.
    ok: bool,
    /// Everything that is wrong: `{key, reason, line, origin}`.
    #[schema(value_type = Vec<Object>)]
    problems: Vec<ProblemShown>,
    /// What would be different: `changes`, `applied`, `after_restart`, `restarts`; null if it cannot be applied.
    #[schema(value_type = Option<Object>)]
    difference: Option<Difference>,
}

/// The configuration in force: values, where they come from, and what is wrong with the file.
#[utoipa::path(get, path = "/api/v1/config", tag = "config", responses(
    (status = 200, description = "The configuration", body = ConfigShown),
    (status = 403, description = "It takes an operator", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_config(api: Data<Api>, caller: Caller) -> Result<Json<ConfigShown>, Problem> {
    caller.needs(Role::Operator)?;
    let live = &api.station.live;
    let running = live.running();
    let (problems, pending) = match live.look_at_file().await {
        Ok(difference) => (Vec::new(), [difference.applied, difference.after_restart].concat()),
        Err(LiveError::Problems(problems)) => (problems, Vec::new()),
        Err(_) => (Vec::new(), Vec::new()),
    };
    Ok(Json(ConfigShown {
        sections: shown(&running.config),
        origin: origins(&running.config, &running.wanted.set),
        version: running.book.current,
        on_trial: running.book.trial.as_ref().map(|trial| trial.version),
        file: live.file().ok().map(|file| file.display().to_string()),
        problems,
        pending,
    }))
}

/// The versions that were in force, the newest first. Their texts stay inside.
#[utoipa::path(get, path = "/api/v1/config/versions", tag = "config", responses(
    (status = 200, description = "The versions", body = Versions),
    (status = 403, description = "It takes an operator", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_versions(api: Data<Api>, caller: Caller) -> Result<Json<Versions>, Problem> {
    caller.needs(Role::Operator)?;
    let running = api.station.live.running();
    let book = &running.book;
    let items = book.history().map(|(version, known)| VersionShown {
        version,
        at: known.at,
        who: known.who.clone(),
        why: known.why.clone(),
        current: version == book.current,
    });
    Ok(Json(Versions { items: items.collect() }))
}

/// Checks a configuration as the next start would, and says what would be different. Changes nothing.
#[utoipa::path(post, path = "/api/v1/config/validate", tag = "config", request_body = TomlText, responses(
    (status = 200, description = "What was found", body = Checked),
    (status = 400, description = "The body is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "It takes an operator", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn validate_config(
    api: Data<Api>,
    caller: Caller,
    body: Json<TomlText>,
) -> Result<Json<Checked>, Problem> {
    caller.needs(Role::Operator)?;
    let checked = api.station.live.validate(body.into_inner().toml).await;
    let (problems, difference) = match checked {
        Ok(difference) => (Vec::new(), Some(difference)),
        Err(LiveError::Problems(problems)) => (problems, None),
        Err(error) => return Err(refused(&error)),
    };
    Ok(Json(Checked {
        ok: problems.is_empty(),
        problems,
        difference,
    }))
}

/// Asks for another configuration: the command `config.apply`. It is kept under a number, which the command names.
#[utoipa::path(post, path = "/api/v1/config/apply", tag = "config", request_body = ApplyRequest, responses(
    (status = 200, description = "The command has ended; see its state", body = model::Command),
    (status = 202, description = "The command waits for people, or runs", body = model::Command),
    (status = 400, description = "It has problems, all of them named", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "It takes an admin", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There is no file to change, or another version is on trial", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "It cannot be noted now", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn apply_config(
    api: Data<Api>,
    caller: Caller,
    body: Json<ApplyRequest>,
) -> Result<HttpResponse, Problem> {
    caller.needs(Role::Admin)?;
    let ApplyRequest { toml, reason } = body.into_inner();
    let live = &api.station.live;
    match live.stage(toml, &caller.identity.name).await {
        Ok(version) => submit(&api, &caller, What::Apply(version), &reason).await,
        Err(error) => {
            if matches!(error, LiveError::Problems(_)) {
                live.refuse(&caller.identity.name, &printable(&reason), &error).await;
            }
            Err(refused(&error))
        }
    }
}

/// Asks for a configuration of before: the command `config.rollback`.
#[utoipa::path(post, path = "/api/v1/config/rollback", tag = "config", request_body = RollbackRequest, responses(
    (status = 200, description = "The command has ended; see its state", body = model::Command),
    (status = 202, description = "The command waits for people, or runs", body = model::Command),
    (status = 400, description = "It does not fit this service any more", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "It takes an admin", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such version", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There is no file to change", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "It cannot be noted now", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn roll_back_config(
    api: Data<Api>,
    caller: Caller,
    body: Json<RollbackRequest>,
) -> Result<HttpResponse, Problem> {
    let RollbackRequest { version, reason } = body.into_inner();
    submit(&api, &caller, What::Rollback(version), &reason).await
}

/// Asks for the file to be read again: the command `config.reload`.
#[utoipa::path(post, path = "/api/v1/config/reload", tag = "config", request_body = ReloadRequest, responses(
    (status = 200, description = "The command has ended; see its state", body = model::Command),
    (status = 202, description = "The command waits for people, or runs", body = model::Command),
    (status = 400, description = "The file has problems, all of them named", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "It takes an operator", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There is no file, or a version is on trial", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "It cannot be noted now", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn reload_config(
    api: Data<Api>,
    caller: Caller,
    body: Json<ReloadRequest>,
) -> Result<HttpResponse, Problem> {
    submit(&api, &caller, What::Reload, &body.reason).await
}

async fn submit(api: &Api, caller: &Caller, what: What, reason: &str) -> Result<HttpResponse, Problem> {
    let mut order = request::order(what, &printable(reason));
    order.origin = origin(caller, None);
    let (live, gate) = (&api.station.live, &api.station.gate);
    let submitted = request::submit(live, gate, order, &caller.identity).await;
    Ok(answer(&settled(gate, submitted.map_err(problem)?).await))
}

/// What the client is told when nothing comes of it.
fn refused(error: &LiveError) -> Problem {
    let kind = match error {
        LiveError::Problems(_) | LiveError::TooLarge(_) => Kind::BadBody,
        LiveError::NoVersion(_) => Kind::NotFound,
        LiveError::NoFile(_) | LiveError::OnTrial(_) | LiveError::Edited(_) | LiveError::NotWritten(_) => {
            Kind::Conflict
        }
        LiveError::Unavailable(_) => Kind::Unavailable,
    };
    Problem::new(kind, error.to_string())
}
