//! The browser's page: the files of `web/` as `scripts/ui` built them, in the binary. Nothing on it comes from elsewhere.
//!
//! Files with a hash in their name never change and are kept by browsers; the document that names them is asked for anew.
//! Every path of a page leads to that document: the page reads the address by itself.

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, VARY,
};
use actix_web::web::{ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};

use super::problem::Problem;

/// A file of the page, also in the forms that a browser may prefer.
struct Asset {
    path: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/page_assets.rs"));

/// The document that all pages share.
const DOCUMENT: &str = "/index.html";

/// Where the bundler puts files with a hash in their name.
const HASHED: &str = "/assets/";

/// Own files and own connections only; no inline script or style, no text read as HTML, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// What stands in for the page in a binary that was built without it.
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>stationd</title><h1>The page is not in this binary</h1>\
                         <p>The station runs, and so does its <a href=\"/docs/\">API</a>. To have the page as well, run \
                         <code>scripts/ui</code> and build again.</p></html>";

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/").get(document))
        .service(resource("/favicon.svg").get(file))
        .service(resource("/assets/{name}").get(file));
    for page in PAGES {
        config.service(resource([format!("/{page}"), format!("/{page}/{{rest:.*}}")]).get(document));
    }
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

async fn document(request: HttpRequest) -> HttpResponse {
    match find(DOCUMENT) {
        Some(document) => send(document, request.headers()),
        None => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((CACHE_CONTROL, "no-cache"))
            .body(NOT_BUILT),
    }
}

async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let asset = find(request.path()).ok_or_else(|| Problem::not_found(format_args!("file {}", request.path())))?;
    Ok(send(asset, request.headers()))
}

fn send(asset: &'static Asset, headers: &HeaderMap) -> HttpResponse {
    let kept = match asset.path.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, kind(asset.path)))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, kept))
        .insert_header((VARY, "Accept-Encoding"));
    for (form, bytes) in [("br", asset.brotli), ("gzip", asset.gzip)] {
        if let Some(bytes) = bytes.filter(|_| takes(headers, form)) {
            return response.insert_header((CONTENT_ENCODING, form)).body(bytes);
        }
    }
    response.body(asset.plain)
}

/// Whether the browser takes this encoding; a weight of nought means that it does not.
fn takes(headers: &HeaderMap, form: &str) -> bool {
    let offered = headers.get_all(ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    offered.flat_map(|value| value.split(',')).any(|offer| {
        let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
        let refused = weight.trim().trim_start_matches("q=").parse() == Ok(0.0_f32);
        name.trim().eq_ignore_ascii_case(form) && !refused
    })
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    /// Names that libraries carry along, not addresses that anything is read from: XML namespaces, and where Svelte
    /// explains its errors.
    const NAMES: [&str; 2] = ["http://www.w3.org/", "https://svelte.dev/e/"];

    fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
        let texts = ASSETS.iter().filter(|asset| kind(asset.path).starts_with("text/"));
        texts.map(|asset| (asset.path, std::str::from_utf8(asset.plain).unwrap()))
    }

    #[test]
    fn page_has_no_inline_script_or_style_and_no_foreign_address() {
        for (path, text) in texts().filter(|(path, _)| !path.ends_with(".txt")) {
            let own = NAMES.iter().fold(text.to_owned(), |text, name| text.replace(name, ""));
            for forbidden in ["http://", "https://", "@import", "url(data:"] {
                assert!(!own.contains(forbidden), "{forbidden} in {path}");
            }
        }
        let html = find(DOCUMENT).map_or(NOT_BUILT, |document| std::str::from_utf8(document.plain).unwrap());
        for forbidden in ["<style", " style=", "onclick=", "onload=", "javascript:"] {
            assert!(!html.contains(forbidden), "{forbidden} in the document");
        }
        for script in html.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').unwrap();
            assert!(
                tag.contains("src=\"/assets/") && rest.starts_with("</script>"),
                "{script}"
            );
        }
    }

    #[test]
    fn text_from_the_air_is_never_read_as_html() {
        for (path, script) in texts().filter(|(path, _)| path.ends_with(".js")) {
            for way in [
                ".innerHTML",
                ".outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "createPolicy",
                "eval(",
            ] {
                assert!(!script.contains(way), "{way} in {path}");
            }
        }
    }

    #[test]
    fn encoding_is_what_the_browser_takes() {
        let takes = |offer: &str, form: &str| {
            let request = TestRequest::get()
                .insert_header((ACCEPT_ENCODING, offer))
                .to_http_request();
            takes(request.headers(), form)
        };
        assert!(takes("gzip, deflate, br", "br") && takes("GZIP;q=0.5", "gzip"));
        for (offer, form) in [("gzip", "br"), ("br;q=0, gzip", "br"), ("x-gzip", "gzip"), ("", "gzip")] {
            assert!(!takes(offer, form), "{form} of {offer:?}");
        }
    }
}
