//! Problem documents (RFC 9457): what a client is told when a request cannot be met.
//!
//! Every error leaves the service in this form, also those that the web framework makes (unknown path, wrong method,
//! body too large): [`document_errors`] gives them a body. The `type` never changes once published.

use std::fmt;
use std::time::Duration;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::JsonPayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderName, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::{JsonConfig, PathConfig, PayloadConfig, QueryConfig};
use actix_web::{Error, HttpResponse, ResponseError};
use model::Role;
use serde::Serialize;
use utoipa::ToSchema;

/// Media type of a problem document, RFC 9457 section 3.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// What every `type` begins with.
const TYPE_PREFIX: &str = "urn:stationd:problem:";

/// When a client may try again after "not now", in seconds.
const RETRY_AFTER_S: u64 = 2;

/// Largest body that a request may carry, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// What went wrong, as far as a program has to tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    BadRequest,
    BadQuery,
    BadPath,
    BadBody,
    BadMessage,
    BadCsrf,
    Unauthenticated,
    SignInRefused,
    Forbidden,
    ForeignHost,
    ForeignOrigin,
    NotFound,
    MethodNotAllowed,
    Conflict,
    TooLarge,
    HeadTooLarge,
    TooManyAttempts,
    TooManyRequests,
    TooManySessions,
    Unavailable,
    Timeout,
    Internal,
}

impl Kind {
    /// `(last part of the type, title, status)`.
    const fn facts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Kind::BadRequest => (
                "bad-request",
                "The request cannot be understood",
                StatusCode::BAD_REQUEST,
            ),
            Kind::BadQuery => ("bad-query", "A query parameter is wrong", StatusCode::BAD_REQUEST),
            Kind::BadPath => ("bad-path", "A part of the path is wrong", StatusCode::BAD_REQUEST),
            Kind::BadBody => ("bad-body", "The body is wrong", StatusCode::BAD_REQUEST),
            Kind::BadMessage => ("bad-message", "The message is wrong", StatusCode::BAD_REQUEST),
            Kind::BadCsrf => (
                "bad-csrf",
                "The page did not prove that it is ours",
                StatusCode::FORBIDDEN,
            ),
            Kind::Unauthenticated => ("unauthenticated", "Sign in, or show a key", StatusCode::UNAUTHORIZED),
            Kind::SignInRefused => ("sign-in-refused", "The sign-in is refused", StatusCode::UNAUTHORIZED),
            Kind::Forbidden => ("forbidden", "This role may not do this", StatusCode::FORBIDDEN),
            Kind::ForeignHost => (
                "foreign-host",
                "This host name is not served",
                StatusCode::MISDIRECTED_REQUEST,
            ),
            Kind::ForeignOrigin => ("foreign-origin", "Another site may not do this", StatusCode::FORBIDDEN),
            Kind::NotFound => ("not-found", "There is no such thing", StatusCode::NOT_FOUND),
            Kind::MethodNotAllowed => (
                "method-not-allowed",
                "This method has no meaning here",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            Kind::Conflict => ("conflict", "This cannot be done now", StatusCode::CONFLICT),
            Kind::TooLarge => ("too-large", "The request is too large", StatusCode::PAYLOAD_TOO_LARGE),
            Kind::HeadTooLarge => (
                "head-too-large",
                "The request's headers are too large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ),
            Kind::TooManyAttempts => (
                "too-many-attempts",
                "Too many attempts to sign in",
                StatusCode::TOO_MANY_REQUESTS,
            ),
            Kind::TooManyRequests => ("too-many-requests", "Too many requests", StatusCode::TOO_MANY_REQUESTS),
            Kind::TooManySessions => (
                "too-many-sessions",
                "Too many live sessions",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Kind::Unavailable => (
                "unavailable",
                "A part of the station is not up",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Kind::Timeout => ("timeout", "It took too long", StatusCode::GATEWAY_TIMEOUT),
            Kind::Internal => (
                "internal",
                "The service made an error",
                StatusCode::INTERNAL_SERVER_ERROR,
            ),
        }
    }

    /// The kind for an answer that the framework gave by itself.
    fn of(status: StatusCode) -> Kind {
        match status {
            StatusCode::NOT_FOUND => Kind::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Kind::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Kind::Unavailable,
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Kind::Timeout,
            status if status.is_client_error() => Kind::BadRequest,
            _ => Kind::Internal,
        }
    }
}

/// A problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// What went wrong: stable, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:stationd:problem:not-found")]
    problem: String,
    /// The same for people; equal for equal types.
    title: &'static str,
    /// HTTP status code.
    #[schema(example = 404)]
    status: u16,
    /// What it was this time.
    detail: String,
    /// The role that would be enough, where one is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    needed: Option<Role>,
    /// When to try again, in seconds.
    #[serde(skip)]
    retry_after_s: Option<u64>,
    #[serde(skip)]
    kind: Kind,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        let (name, title, status) = kind.facts();
        Problem {
            problem: format!("{TYPE_PREFIX}{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            needed: None,
            retry_after_s: (kind == Kind::Unavailable || kind == Kind::TooManySessions).then_some(RETRY_AFTER_S),
            kind,
        }
    }

    /// Somebody whose role does not go so far.
    pub(crate) fn forbidden(needed: Role) -> Problem {
        Problem {
            needed: Some(needed),
            ..Problem::new(Kind::Forbidden, format!("this needs the role {needed}"))
        }
    }

    /// Something that a client asked for and that is not there.
    pub(crate) fn not_found(what: impl fmt::Display) -> Problem {
        Problem::new(Kind::NotFound, format!("there is no {what}"))
    }

    /// Something that is down now and may be up in a moment.
    pub(crate) fn unavailable(detail: impl fmt::Display) -> Problem {
        Problem::new(Kind::Unavailable, detail.to_string())
    }

    /// Nobody has said who asks.
    pub(crate) fn unauthenticated() -> Problem {
        Problem::new(
            Kind::Unauthenticated,
            "sign in, or send a key as `Authorization: Bearer KEY` or `X-API-Key: KEY`",
        )
    }

    /// The same, with the time after which trying again makes sense.
    pub(crate) fn retry_after(self, wait: Duration) -> Problem {
        Problem {
            retry_after_s: Some(wait.as_secs().saturating_add(1)),
            ..self
        }
    }

    /// What it is, for code.
    #[cfg(test)]
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((CONTENT_TYPE, MEDIA_TYPE));
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if self.kind == Kind::Unauthenticated {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        response.body(serde_json::to_vec(self).unwrap_or_default())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.facts().2
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

/// Refusals of query strings.
pub(crate) fn query_config() -> QueryConfig {
    QueryConfig::default().error_handler(|error, _| Problem::new(Kind::BadQuery, error.to_string()).into())
}

/// Refusals of path segments.
pub(crate) fn path_config() -> PathConfig {
    PathConfig::default().error_handler(|error, _| Problem::new(Kind::BadPath, error.to_string()).into())
}

/// The limit of bodies; those above it become 413.
pub(crate) fn body_config() -> PayloadConfig {
    PayloadConfig::new(MAX_BODY_BYTES)
}

/// Refusals of JSON bodies.
pub(crate) fn json_config() -> JsonConfig {
    JsonConfig::default().limit(MAX_BODY_BYTES).error_handler(|error, _| {
        let is_large = matches!(
            error,
            JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. }
        );
        let kind = if is_large { Kind::TooLarge } else { Kind::BadBody };
        Problem::new(kind, error.to_string()).into()
    })
}

/// Middleware: gives every error answer that is no problem document yet the body of one.
pub(crate) async fn document_errors<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let asked = format!("{} {}", request.method(), request.path());
    let response = next.call(request).await?;
    let status = response.status();
    let documented = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == MEDIA_TYPE);
    if documented || !(status.is_client_error() || status.is_server_error()) {
        return Ok(response.map_into_left_body());
    }
    let kept: Vec<(HeaderName, _)> = [ALLOW, UPGRADE]
        .into_iter()
        .filter_map(|name| response.headers().get(&name).cloned().map(|value| (name, value)))
        .collect();
    let mut document = Problem::new(Kind::of(status), asked).response();
    *document.status_mut() = status;
    for (name, value) in kept {
        document.headers_mut().insert(name, value);
    }
    let (request, _) = response.into_parts();
    Ok(ServiceResponse::new(request, document).map_into_right_body())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, middleware, test, web};

    async fn number(_: web::Path<u64>) -> HttpResponse {
        HttpResponse::Ok().finish()
    }

    #[actix_web::test]
    async fn every_error_answer_is_a_problem_document() {
        let app = App::new()
            .app_data(path_config())
            .wrap(middleware::from_fn(document_errors))
            .route("/number/{n}", web::get().to(number));
        let app = test::init_service(app).await;
        for (uri, status, kind) in [("/nowhere", 404, "not-found"), ("/number/ten", 400, "bad-path")] {
            let answer = test::call_service(&app, test::TestRequest::get().uri(uri).to_request()).await;
            assert_eq!(answer.status().as_u16(), status, "{uri}");
            assert_eq!(answer.headers().get(CONTENT_TYPE).unwrap(), MEDIA_TYPE, "{uri}");
            let body: serde_json::Value = test::read_body_json(answer).await;
            assert_eq!(body["type"], format!("{TYPE_PREFIX}{kind}"), "{uri}");
            assert_eq!(body["status"], status, "{uri}");
        }
    }

    #[actix_web::test]
    async fn unavailable_says_when_to_try_again() {
        let response = Problem::unavailable("journal is down").error_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(RETRY_AFTER));
    }
}
