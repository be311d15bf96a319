//! `/api/v1/openapi.json`, and `/docs`, which shows it from assets in the binary.
//!
//! The description is a file, taken into the binary. Tests make it from the handlers and compare: a station that runs for years
//! need not make it once more at each start.

#[cfg(test)]
mod description;

use std::future::ready;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::middleware::DefaultHeaders;
use actix_web::mime::APPLICATION_JSON;
use actix_web::web::{Bytes, ServiceConfig, resource, scope};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// What is served.
const DESCRIPTION: &[u8] = include_bytes!("../../docs/openapi.json");
/// Where it is.
const URL: &str = "/api/v1/openapi.json";

/// What the page of the description needs: its own files, and pictures that its style sheet has in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes(config: &mut ServiceConfig) {
    let pages = SwaggerUi::new("/{_:.*}").config(Config::from(URL));
    config
        .service(resource(URL).get(|| ready(description())))
        .service(resource("/docs").get(to_pages))
        .service(
            scope("/docs")
                .wrap(DefaultHeaders::new().add((CONTENT_SECURITY_POLICY, POLICY)))
                .service(pages),
        );
}

fn description() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(APPLICATION_JSON)
        .body(Bytes::from_static(DESCRIPTION))
}

/// The pages link to their files relatively and so need the slash.
async fn to_pages() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/docs/"))
        .finish()
}
