//! Who may talk to the service, as long as nobody signs in: programs of this machine, not the web sites that its browser shows.
//!
//! A foreign `Host` is refused (a site that points its own name at 127.0.0.1 would otherwise read along), and so is a foreign
//! `Origin` wherever something happens (unsafe methods) or a socket opens (browsers let any site open a WebSocket).

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HOST, HeaderMap, HeaderName, ORIGIN, UPGRADE};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::problem::{Kind, Problem};

/// Longest query string, in bytes.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// The names under which this service is asked.
#[derive(Clone, Debug)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// The loopback's own names and those of the configuration.
    pub(crate) fn new(allowed: &[String]) -> Hosts {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let allowed = allowed.iter().map(|host| host.to_ascii_lowercase());
        Hosts(own.into_iter().chain(allowed).collect())
    }

    fn serves(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        self.0.contains(&name)
    }
}

/// Middleware: lets own requests pass.
pub(crate) async fn refuse_foreigners(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let hosts = request.app_data::<Data<Hosts>>();
    let verdict = match hosts {
        Some(hosts) => judge(&request, hosts),
        None => Err(Problem::new(Kind::Internal, "no host names are configured")),
    };
    verdict?;
    next.call(request).await
}

fn judge(request: &ServiceRequest, hosts: &Hosts) -> Result<(), Problem> {
    let headers = request.headers();
    let host = text(headers, &HOST).unwrap_or_default();
    if !hosts.serves(host) {
        let detail = format!("the request is for {host:?}; further names go to web.allowed_hosts");
        return Err(Problem::new(Kind::ForeignHost, detail));
    }
    let acts = !request.method().is_safe() || headers.contains_key(UPGRADE);
    if acts && headers.contains_key(ORIGIN) && !same_origin(text(headers, &ORIGIN), host) {
        return Err(Problem::new(
            Kind::ForeignOrigin,
            "the request comes from another site's page",
        ));
    }
    if request.query_string().len() > MAX_QUERY_BYTES {
        let detail = format!("a query string has at most {MAX_QUERY_BYTES} bytes");
        return Err(Problem::new(Kind::TooLarge, detail));
    }
    Ok(())
}

/// Same host and port; the scheme may differ, because a proxy in front may speak TLS.
fn same_origin(origin: Option<&str>, host: &str) -> bool {
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

    fn verdict(request: TestRequest) -> Option<Kind> {
        let hosts = Hosts::new(&["radio.example.org".to_owned()]);
        judge(&request.to_srv_request(), &hosts)
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
