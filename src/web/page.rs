//! `/`: the live page, three hand-written files in the binary. Nothing on it comes from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::{ServiceConfig, resource};

/// Own files and own connections only; no inline script or style, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/").get(async || asset("text/html; charset=utf-8", include_str!("page/index.html"))))
        .service(
            resource("/page.js").get(async || asset("text/javascript; charset=utf-8", include_str!("page/page.js"))),
        )
        .service(resource("/page.css").get(async || asset("text/css; charset=utf-8", include_str!("page/page.css"))))
        .service(resource("/favicon.svg").get(async || asset("image/svg+xml", include_str!("page/favicon.svg"))));
}

fn asset(kind: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, kind))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn page_has_no_inline_script_or_style_and_no_foreign_address() {
        let html = include_str!("page/index.html");
        let script = include_str!("page/page.js");
        let style = include_str!("page/page.css");
        for forbidden in ["<style", " style=", "onclick=", "onload=", "http://", "https://"] {
            assert!(!html.contains(forbidden), "{forbidden} in the page");
        }
        assert!(!html.replace("<script src=\"/page.js\"", "").contains("<script"));
        for (name, text) in [("script", script), ("style", style)] {
            assert!(
                !text.contains("http://") && !text.contains("https://"),
                "foreign address in the {name}"
            );
        }
        assert!(
            !script.contains("innerHTML"),
            "text from the air must never be read as HTML"
        );
    }
}
