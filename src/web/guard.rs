//! What every request passes before anybody asks who sent it: is it meant for us, does another site's page send it, is it of a
//! size that an honest client sends, and does it end in time.
//!
//! A foreign `Host` is refused (a site that points its own name at this address would otherwise read along with what the
//! browser is here), and so is a foreign `Origin` wherever something happens (unsafe methods) or a socket opens (browsers let
//! any site open a WebSocket). Sites in `web.cors_origins` may ask, but only with a key: see [`super::auth`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, UPGRADE, VARY,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};

use super::auth::Door;
use super::problem::{Kind, Problem};

/// Longest query string, in bytes.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// Most bytes in all headers together; a browser sends one or two thousand.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a request may take up to the head of its answer, its body included. Longer than an actor may take to stop and start.
const REQUEST_LIMIT: Duration = Duration::from_secs(90);

/// How long a browser may remember what another site's page may do, in seconds.
const CORS_MAX_AGE_S: u64 = 600;

/// The names under which this service is asked.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    names: Vec<String>,
    /// Whether any address is a name of ours. A site cannot point an address elsewhere as it can a name.
    addresses: bool,
}

impl Hosts {
    /// The loopback's own names and those of the configuration.
    pub(crate) fn new(allowed: &[String], addresses: bool) -> Hosts {
        let names = allowed.iter().map(|host| host.to_ascii_lowercase()).collect();
        Hosts { names, addresses }
    }

    fn serves(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        is_loopback_name(host) || self.names.contains(&name) || self.addresses && address(&name).is_some()
    }
}

/// Whether it is a name by which a computer calls itself.
pub(crate) fn is_loopback_name(host: &str) -> bool {
    let name = without_port(host);
    let own = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    name.eq_ignore_ascii_case("localhost") || address(name).is_some_and(|address| own.contains(&address))
}

fn address(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    bare.unwrap_or(name).parse().ok()
}

/// Middleware: lets own requests pass, and says where they come from.
pub(crate) async fn refuse_foreigners<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let Some(door) = request.app_data::<Data<Door>>().cloned() else {
        return Err(Problem::new(Kind::Internal, "nobody stands at the door").into());
    };
    let cors = allowed_origin(&door, request.headers());
    if let Err(problem) = judge(&request, &door, cors.is_some()) {
        return Ok(request.into_response(problem.error_response()).map_into_right_body());
    }
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if let Some(origin) = cors.clone().filter(|_| is_preflight) {
        return Ok(request.into_response(permission(origin)).map_into_right_body());
    }
    let client = door.client(
        request.peer_addr().map(|peer| peer.ip()),
        host(&request),
        request.headers(),
    );
    request.extensions_mut().insert(client);
    let answer = tokio::time::timeout(REQUEST_LIMIT, next.call(request)).await;
    let late = |_| Problem::new(Kind::Timeout, "the request took too long");
    let mut answer = answer.map_err(late)??.map_into_left_body();
    if let Some(origin) = cors {
        answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
    }
    Ok(answer)
}

fn judge(request: &ServiceRequest, door: &Door, is_allowed_origin: bool) -> Result<(), Problem> {
    let headers = request.headers();
    let host = host(request);
    if !door.hosts.serves(host) {
        let detail = format!("the request is for {host:?}; further names go to web.allowed_hosts");
        return Err(Problem::new(Kind::ForeignHost, detail));
    }
    let acts = !request.method().is_safe() || headers.contains_key(UPGRADE);
    let is_own = !headers.contains_key(ORIGIN) || same_origin(text(headers, &ORIGIN), host);
    if acts && !is_own && !is_allowed_origin {
        return Err(Problem::new(
            Kind::ForeignOrigin,
            "the request comes from another site's page",
        ));
    }
    if request.query_string().len() > MAX_QUERY_BYTES {
        let detail = format!("a query string has at most {MAX_QUERY_BYTES} bytes");
        return Err(Problem::new(Kind::TooLarge, detail));
    }
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len().saturating_add(value.len()));
    if sizes.fold(0, usize::saturating_add) > MAX_HEAD_BYTES {
        let detail = format!("the headers of a request have at most {MAX_HEAD_BYTES} bytes");
        return Err(Problem::new(Kind::HeadTooLarge, detail));
    }
    Ok(())
}

/// The name that a request is for.
fn host(request: &ServiceRequest) -> &str {
    text(request.headers(), &HOST).unwrap_or_default()
}

/// The other site whose page asks, if it may.
fn allowed_origin(door: &Door, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    let is_allowed = door.cors.iter().any(|allowed| origin == allowed.as_str());
    is_allowed.then(|| origin.clone())
}

/// What a browser is told that asks whether another site's page may. Without credentials: a cookie is for our own page.
fn permission(origin: HeaderValue) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, origin))
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, DELETE"))
        .insert_header((
            ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, X-API-Key, Last-Event-ID",
        ))
        .insert_header((ACCESS_CONTROL_MAX_AGE, CORS_MAX_AGE_S))
        .insert_header((VARY, "Origin"))
        .finish()
}

/// Same host and port; the scheme may differ, because a proxy in front may speak TLS.
pub(crate) fn same_origin(origin: Option<&str>, host: &str) -> bool {
    let address = origin
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, address)| address);
    address.is_some_and(|address| address.eq_ignore_ascii_case(host))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    use crate::access::Access;
    use crate::config::WebConfig;

    fn verdict(request: TestRequest) -> Option<Kind> {
        let config = WebConfig {
            allowed_hosts: vec!["radio.example.org".to_owned()],
            ..WebConfig::default()
        };
        let door = Door::new(&config, Access::for_test());
        judge(&request.to_srv_request(), &door, false)
            .err()
            .map(|problem| problem.kind())
    }

    #[test]
    fn foreign_host_is_refused_and_own_names_pass() {
        for host in [
            "localhost:8080",
            "127.0.0.1",
            "[::1]:8080",
            "LOCALHOST",
            "radio.example.org",
        ] {
            assert_eq!(verdict(TestRequest::get().insert_header((HOST, host))), None, "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example:8080",
            "",
            "localhost:8080.evil.example",
        ] {
            let verdict = verdict(TestRequest::get().insert_header((HOST, host)));
            assert_eq!(verdict, Some(Kind::ForeignHost), "{host}");
        }
        assert_eq!(verdict(TestRequest::get()), Some(Kind::ForeignHost), "no host at all");
    }

    #[test]
    fn address_is_a_name_of_ours_only_where_we_listen_beyond_the_loopback() {
        for host in ["192.0.2.1", "192.0.2.1:8080", "[2001:db8::1]:8080"] {
            assert!(Hosts::new(&[], true).serves(host), "{host}");
            assert!(!Hosts::new(&[], false).serves(host), "{host}");
        }
        assert!(!Hosts::new(&[], true).serves("evil.example"));
    }

    #[test]
    fn head_that_no_honest_client_sends_is_refused() {
        let head = |bytes: usize| {
            TestRequest::get()
                .insert_header((HOST, "localhost"))
                .insert_header(("X-Large", "x".repeat(bytes)))
        };
        assert_eq!(verdict(head(10_000)), None);
        assert_eq!(verdict(head(20_000)), Some(Kind::HeadTooLarge));
    }

    #[test]
    fn foreign_origin_is_refused_where_something_happens() {
        let asked = |request: TestRequest, origin: &str| {
            verdict(
                request
                    .insert_header((HOST, "localhost:8080"))
                    .insert_header((ORIGIN, origin.to_owned())),
            )
        };
        assert_eq!(asked(TestRequest::post(), "http://localhost:8080"), None);
        assert_eq!(
            asked(TestRequest::get(), "http://evil.example"),
            None,
            "reading is the browser's business"
        );
        let upgrade = TestRequest::get().insert_header((UPGRADE, "websocket"));
        for (request, origin) in [
            (TestRequest::post(), "http://evil.example"),
            (TestRequest::post(), "http://localhost:9999"),
            (TestRequest::post(), "null"),
            (upgrade, "http://evil.example"),
        ] {
            assert_eq!(asked(request, origin), Some(Kind::ForeignOrigin), "{origin}");
        }
    }
}
