//! `/api/v1/actors`: the supervisor tree, and what an operator may do with it, which passes the gate.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Json, Path, ServiceConfig, resource};
use gate::workflow::Order;
use kernel::TreeNode;
use model::{Command, CommandId, CommandState};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::auth::Caller;
use super::problem::{Kind, Problem};
use super::{Api, commands};
use crate::effects::Request;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/actors").get(get_tree))
        .service(resource("/api/v1/actors/{path:.+}/{request:restart|stop|start}").post(post_request));
}

/// Who asks, and why; both go into the journal.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Reason {
    /// Who asks.
    who: Option<String>,
    /// Why.
    why: Option<String>,
}

/// A request that is done, or will be in a moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// Which actor.
    #[schema(example = "repeater/parser")]
    path: String,
    /// What was asked.
    request: Request,
    /// What it came to: `up`, `down`, or `accepted` where the answer cannot wait for the end.
    outcome: String,
    /// Which incarnation is up now.
    incarnation: Option<u64>,
    /// The number of the command that it was.
    command: CommandId,
}

/// The supervisor tree as it is now.
#[utoipa::path(get, path = "/api/v1/actors", tag = "actors", responses(
    (status = 200, description = "The root with all beneath it", body = TreeNode),
))]
pub(crate) async fn get_tree(api: Data<Api>) -> Result<Json<TreeNode>, Problem> {
    Ok(Json(api.supervision()?.tree()))
}

/// Restarts, stops or starts an actor: a command that passes the gate. Answers when it is done, or waits for people.
#[utoipa::path(post, path = "/api/v1/actors/{path}/{request}", tag = "actors",
    params(
        ("path" = String, Path, description = "Path of the actor, as in `repeater/parser`"),
        ("request" = Request, Path, description = "What to do"),
    ),
    request_body(content = Option<Reason>, description = "Who asks and why; may be absent"),
    responses(
    (status = 200, description = "It is done", body = Done),
    (status = 202, description = "It is being done: the actor that answers is the one to be restarted. Or a command that waits for people", body = Done),
    (status = 403, description = "It takes another role", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such actor", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It cannot be done", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "It did not come up", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn post_request(
    api: Data<Api>,
    caller: Caller,
    path: Path<(String, String)>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let (target, request) = path.into_inner();
    let request: Request = request
        .parse()
        .map_err(|()| Problem::not_found(format_args!("request {request:?}")))?;
    let reason = reason(&body)?;
    let order = Order {
        verb: request.verb().to_owned(),
        target,
        reason: reason.why.as_deref().map(commands::printable).unwrap_or_default(),
        origin: commands::origin(&caller, reason.who.as_deref()),
        ..Order::default()
    };
    let gate = &api.station.gate;
    let submitted = gate.submit(order, &caller.identity).await;
    let command = commands::settled(gate, submitted.map_err(commands::problem)?).await;
    outcome(request, command)
}

/// What became of it, in the words of before there was a gate; one that waits for people is shown as it is.
fn outcome(request: Request, command: Command) -> Result<HttpResponse, Problem> {
    let done = |outcome: String, incarnation: Option<u64>| Done {
        path: command.target.clone(),
        request,
        outcome,
        incarnation,
        command: command.id,
    };
    let error = || command.error.clone().unwrap_or_default();
    match command.state {
        CommandState::Executing => Ok(HttpResponse::Accepted().json(done("accepted".to_owned(), None))),
        CommandState::Done => {
            let fact = |name: &str| command.outcome.as_ref().and_then(|outcome| outcome.get(name));
            let word = fact("outcome").and_then(Value::as_str).unwrap_or_default().to_owned();
            Ok(HttpResponse::Ok().json(done(word, fact("incarnation").and_then(Value::as_u64))))
        }
        CommandState::Failed => Err(Problem::unavailable(error())),
        CommandState::Unknown => Err(Problem::new(Kind::Timeout, error())),
        CommandState::Refused => Err(Problem::new(Kind::Forbidden, "the policy forbids it")),
        CommandState::Requested
        | CommandState::Approved
        | CommandState::Rejected
        | CommandState::Expired
        | CommandState::Cancelled
        | CommandState::RolledBack => Ok(commands::answer(&command)),
    }
}

/// No body, or null, is no reason.
fn reason(body: &Bytes) -> Result<Reason, Problem> {
    if body.is_empty() {
        return Ok(Reason::default());
    }
    let reason: Result<Option<Reason>, _> = serde_json::from_slice(body);
    reason
        .map(Option::unwrap_or_default)
        .map_err(|error| Problem::new(Kind::BadBody, error.to_string()))
}
