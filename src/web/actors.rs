//! `/api/v1/actors`: the supervisor tree, and what an operator may do with it.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Json, Path, ServiceConfig, resource};
use futures_util::FutureExt;
use kernel::{ChildPath, OperatorError, OperatorOutcome, Supervision, TreeNode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::auth::Caller;
use super::problem::{Kind, Problem};
use crate::operator::{Request, Verb};

/// Longest `who` and `why`, in characters.
const MAX_WORDS: usize = 200;

/// The actor that serves this very request.
const SELF: &str = "web";

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
    #[schema(value_type = String, example = "repeater/parser")]
    path: ChildPath,
    /// What was asked.
    request: Verb,
    /// What it came to: `up`, `down`, or `accepted` where the answer cannot wait for the end.
    outcome: &'static str,
    /// Which incarnation is up now.
    incarnation: Option<u64>,
}

/// The supervisor tree as it is now.
#[utoipa::path(get, path = "/api/v1/actors", tag = "actors", responses(
    (status = 200, description = "The root with all beneath it", body = TreeNode),
))]
pub(crate) async fn get_tree(api: Data<Api>) -> Result<Json<TreeNode>, Problem> {
    Ok(Json(api.supervision()?.tree()))
}

/// Restarts, stops or starts an actor. Answers when it is done.
#[utoipa::path(post, path = "/api/v1/actors/{path}/{request}", tag = "actors",
    params(
        ("path" = String, Path, description = "Path of the actor, as in `repeater/parser`"),
        ("request" = Verb, Path, description = "What to do"),
    ),
    request_body(content = Option<Reason>, description = "Who asks and why; may be absent"),
    responses(
    (status = 200, description = "It is done", body = Done),
    (status = 202, description = "It is being done: the actor that answers is the one to be restarted", body = Done),
    (status = 404, description = "There is no such actor", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It cannot be done", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "It did not come up", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn post_request(
    api: Data<Api>,
    caller: Caller,
    target: Path<(String, String)>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let (path, verb) = target.into_inner();
    let path: ChildPath = path
        .parse()
        .map_err(|_| Problem::not_found(format_args!("actor {path:?}")))?;
    let verb: Verb = verb
        .parse()
        .map_err(|()| Problem::not_found(format_args!("request {verb:?}")))?;
    let supervision = api.supervision()?.clone();
    if supervision.tree().find(&path).is_none() {
        return Err(Problem::not_found(format_args!("actor {path}")));
    }
    let reason = reason(&body)?;
    let request = Request {
        who: who(&caller, reason.who.as_deref()),
        why: reason.why.as_deref().map(clipped),
        path,
        request: verb,
    };
    if request.path.to_string() == SELF {
        return restart_self(&api, &supervision, request).await;
    }
    match request.carry_out(&api.station.journal, &supervision).await {
        Ok(outcome) => Ok(HttpResponse::Ok().json(done(request, &outcome))),
        Err(error) => Err(refusal(&error)),
    }
}

/// Whoever restarts the server gets the answer before the server goes; stopping it would lock everybody out.
async fn restart_self(api: &Api, supervision: &Supervision, request: Request) -> Result<HttpResponse, Problem> {
    if request.request == Verb::Stop {
        let detail = "stopping the server would leave no way to start it again; stop the service instead";
        return Err(Problem::new(Kind::Conflict, detail));
    }
    request.note(&api.station.journal).await;
    // The first poll hands the request to the supervisor; its end comes after the end of this answer.
    let _still_pending = request.perform(supervision).now_or_never().is_none();
    Ok(HttpResponse::Accepted().json(Done {
        path: request.path,
        request: request.request,
        outcome: "accepted",
        incarnation: None,
    }))
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

/// What they call themselves, under which name the service knows them, and where they are.
fn who(caller: &Caller, said: Option<&str>) -> String {
    let known = match caller.address {
        Some(address) => format!("{}, {address}", caller.identity.name),
        None => caller.identity.name.to_string(),
    };
    match said {
        Some(said) => format!("{} ({known})", clipped(said)),
        None => known,
    }
}

fn clipped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}

fn done(request: Request, outcome: &OperatorOutcome) -> Done {
    let (outcome, incarnation) = match outcome {
        OperatorOutcome::Up { incarnation } => ("up", Some(*incarnation)),
        OperatorOutcome::Down => ("down", None),
    };
    Done {
        path: request.path,
        request: request.request,
        outcome,
        incarnation,
    }
}

fn refusal(error: &OperatorError) -> Problem {
    let kind = match error {
        OperatorError::Unknown(_) => Kind::NotFound,
        OperatorError::Superseded => Kind::Conflict,
        OperatorError::Unavailable(_) | OperatorError::Failed(_) => Kind::Unavailable,
        OperatorError::Timeout => Kind::Timeout,
    };
    Problem::new(kind, error.to_string())
}
