//! `/api/v1/commands`: what somebody wants done, and what others say to it. All of it passes the gate.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path, Query, ServiceConfig, resource};
use gate::query::{self, Which};
use gate::workflow::{Act, Order, Refusal};
use gate::{Gate, GateError, PlanError, Preview, Submitted};
use journal::Order as Direction;
use model::{Command, CommandId, Needs, Seq, Tier, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::auth::Caller;
use super::paging::{Cursor, Paged, limit};
use super::problem::{Kind, Problem};
use super::{Api, blocking};
use crate::effects;

/// How long an answer waits for the end of a command: longer than the limits of those who carry it out.
const END_LIMIT: Duration = Duration::from_secs(40);

/// Longest name that somebody gives themselves, in characters.
const MAX_SAID: usize = 200;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/commands").get(list_commands).post(post_command))
        .service(resource("/api/v1/commands/{id}").get(get_command))
        .service(resource("/api/v1/commands/{id}/{word:approve|reject|cancel|override|rollback}").post(post_word));
}

/// What is to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandRequest {
    /// Whom it concerns.
    #[schema(example = "repeater/parser")]
    target: String,
    /// What to do.
    #[schema(example = "actor.restart")]
    verb: String,
    /// With what.
    #[serde(default)]
    #[schema(value_type = Object)]
    arguments: Map<String, Value>,
    /// Why, up to 500 characters.
    #[serde(default)]
    reason: String,
    /// After this time it is not begun any more.
    #[schema(value_type = Option<String>)]
    not_after: Option<Timestamp>,
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// What a command would come to; nothing was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DryRun {
    /// Always true.
    dry_run: bool,
    /// How much thought it needs.
    #[schema(value_type = u8, minimum = 1, maximum = 4)]
    tier: Tier,
    /// What would happen.
    #[schema(example = "restart repeater/parser; log-tail is restarted with it")]
    would: String,
    /// Who would have to agree.
    needs: Needs,
    /// Whether the caller may ask for it.
    allowed: bool,
}

/// Why.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Remark {
    /// Why, up to 500 characters. An override demands it.
    reason: String,
}

/// What is said to a command.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Say {
    /// Agree.
    Approve,
    /// Say no.
    Reject,
    /// Withdraw it; of one whose outcome is unknown: say that it was looked at.
    Cancel,
    /// Run it alone, in an emergency, as an admin.
    Override,
    /// Undo it, by another command.
    Rollback,
}

/// Which commands.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CommandsQuery {
    /// `waiting` for people, `open`, or `all`, which it is if absent.
    #[param(inline)]
    state: Which,
    /// Items on the page, 1 to 1000; 100 if absent.
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

/// Asks for a command. One that may run at once is answered when it has ended, one that waits for people at once.
#[utoipa::path(post, path = "/api/v1/commands", tag = "commands", request_body = CommandRequest, responses(
    (status = 200, description = "It has ended; see its state. Of a dry run: what would happen", body = Command),
    (status = 202, description = "It waits for people, or runs", body = Command),
    (status = 400, description = "It cannot be understood", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "It takes another role", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such target", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It cannot be done now", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "It cannot be noted now, and was not run", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn post_command(
    api: Data<Api>,
    caller: Caller,
    body: Json<CommandRequest>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let order = Order {
        target: body.target,
        verb: body.verb,
        arguments: body.arguments,
        reason: printable(&body.reason),
        origin: origin(&caller, None),
        not_after: body.not_after,
        rolls_back: None,
    };
    if body.dry_run {
        let preview = api.station.gate.preview(&order, &caller.identity).await;
        return Ok(HttpResponse::Ok().json(dry_run(preview.map_err(problem)?)));
    }
    let submitted = api
        .station
        .gate
        .submit(order, &caller.identity)
        .await
        .map_err(problem)?;
    Ok(answer(&settled(&api.station.gate, submitted).await))
}

/// Says something to a command.
#[utoipa::path(post, path = "/api/v1/commands/{id}/{word}", tag = "commands",
    params(("id" = u64, Path, description = "Number of the command"), ("word" = Say, Path, description = "What to say")),
    request_body = Remark,
    responses(
    (status = 200, description = "It has ended; see its state", body = Command),
    (status = 202, description = "It waits for more people, or runs", body = Command),
    (status = 403, description = "It takes another role, or another person", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such command", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is past that", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "It cannot be noted now", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn post_word(
    api: Data<Api>,
    caller: Caller,
    path: Path<(u64, Say)>,
    body: Json<Remark>,
) -> Result<HttpResponse, Problem> {
    let (id, say) = path.into_inner();
    let (gate, by) = (&api.station.gate, &caller.identity);
    let (id, reason) = (CommandId(id), printable(&body.reason));
    let said = match say {
        Say::Approve => gate.decide(id, Act::Approve, by, &reason).await,
        Say::Reject => gate.decide(id, Act::Reject, by, &reason).await,
        Say::Cancel => gate.decide(id, Act::Cancel, by, &reason).await,
        Say::Override => gate.decide(id, Act::Override, by, &reason).await,
        Say::Rollback => gate.roll_back(id, by, &reason).await,
    };
    Ok(answer(&settled(gate, said.map_err(problem)?).await))
}

/// Commands, the newest first.
#[utoipa::path(get, path = "/api/v1/commands", tag = "commands", params(CommandsQuery), responses(
    (status = 200, description = "A page of commands", body = Paged<Command>),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_commands(
    api: Data<Api>,
    _caller: Caller,
    query: Query<CommandsQuery>,
) -> Result<Json<Paged<Command>>, Problem> {
    let limit = limit(query.limit)?;
    let (which, before) = (query.state, query.cursor.map(|cursor| CommandId(cursor.seq.0)));
    let journal = api.station.journal.clone();
    let read = move || journal.read(|connection| query::commands(connection, which, before, limit.saturating_add(1)));
    let commands = blocking(read).await?;
    let place = |command: &Command| Seq(command.id.0);
    Ok(Json(Paged::new(commands, limit, Direction::NewestFirst, place)))
}

/// One command.
#[utoipa::path(get, path = "/api/v1/commands/{id}", tag = "commands",
    params(("id" = u64, Path, description = "Number of the command")), responses(
    (status = 200, description = "The command", body = Command),
    (status = 404, description = "There is no such command", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_command(api: Data<Api>, _caller: Caller, id: Path<u64>) -> Result<Json<Command>, Problem> {
    let id = CommandId(id.into_inner());
    let journal = api.station.journal.clone();
    let found = blocking(move || journal.read(|connection| query::command(connection, id))).await?;
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found(format_args!("command {id}")))
}

/// The command at its end, if that can be waited for: this very server cannot wait for its own.
pub(super) async fn settled(gate: &Gate, submitted: Submitted) -> Command {
    let limit = if submitted.command.target == effects::SELF {
        Duration::ZERO
    } else {
        END_LIMIT
    };
    gate.ended(submitted, limit).await
}

/// The answer that shows a command.
pub(super) fn answer(command: &Command) -> HttpResponse {
    let status = if command.is_open() {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    HttpResponse::build(status).json(command)
}

/// Where a command comes from: what they call themselves, and where they are.
pub(super) fn origin(caller: &Caller, said: Option<&str>) -> Option<String> {
    let said = said.map(|said| printable(said).chars().take(MAX_SAID).collect());
    let address = caller.address.map(|address| address.to_string());
    let known: Vec<String> = said.into_iter().chain(address).collect();
    (!known.is_empty()).then(|| known.join(", "))
}

/// Texts of people go into logs and onto pages.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// What the client is told when the gate does not do it.
pub(super) fn problem(error: GateError) -> Problem {
    let kind = match &error {
        GateError::Refused(Refusal::Role { needed }) => return Problem::forbidden(*needed),
        GateError::Refused(Refusal::OwnRequest | Refusal::NotYours) => Kind::Forbidden,
        GateError::Unavailable | GateError::Journal | GateError::Plan(PlanError::Unavailable(_)) => Kind::Unavailable,
        GateError::NoCommand(_) | GateError::Plan(PlanError::NoTarget(_)) => Kind::NotFound,
        GateError::NoVerb(_)
        | GateError::Invalid(_)
        | GateError::Plan(PlanError::Invalid(_))
        | GateError::Refused(Refusal::NoReason) => Kind::BadBody,
        GateError::NoRoom(_)
        | GateError::Plan(PlanError::Conflict(_))
        | GateError::Refused(Refusal::Twice(_) | Refusal::OverrideOff | Refusal::Expired | Refusal::State { .. }) => {
            Kind::Conflict
        }
    };
    Problem::new(kind, error.to_string())
}

fn dry_run(preview: Preview) -> DryRun {
    DryRun {
        dry_run: true,
        tier: preview.tier,
        would: preview.would,
        needs: preview.needs,
        allowed: preview.allowed,
    }
}
