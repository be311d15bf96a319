//! `/api/v1/openapi.json`, made from the handlers, and `/docs`, which shows it from assets in the binary.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{ServiceConfig, resource};
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use super::compat::mmdvm;
use super::{actors, events, export, feed, health, power, repeater, signals, sse, statistics, ws};

/// The API, described.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "stationd",
        description = "One supervised service for an unattended radio station. Errors are problem documents (RFC 9457) with a \
                       stable `type`. Lists page by cursor: give `next` of a page as `cursor`. Times are RFC 3339 in UTC, \
                       and field names carry their unit.",
    ),
    paths(
        health::get_health,
        repeater::get_state,
        repeater::list_calls,
        repeater::get_call,
        repeater::list_last_heard,
        repeater::list_links,
        power::list_devices,
        power::get_device,
        statistics::get_statistics,
        statistics::get_quality,
        export::get_csv,
        export::get_adif,
        events::list_events,
        events::get_event,
        signals::list_signals,
        actors::get_tree,
        actors::post_request,
        ws::open,
        sse::open,
        mmdvm::get_status,
        mmdvm::get_mode,
        mmdvm::list_qsos,
        mmdvm::get_health,
        mmdvm::open,
    ),
    components(schemas(model::Subscribe, feed::Frame)),
    tags(
        (name = "repeater", description = "Calls, modes and links of the repeater"),
        (name = "power", description = "Inverters, batteries and chargers"),
        (name = "events", description = "The journal"),
        (name = "live", description = "What happens, as it happens"),
        (name = "actors", description = "The supervisor tree"),
        (name = "health", description = "Is the station well?"),
        (name = "compatibility", description = "For clients of the MMDVM log watcher that this service replaces, in its words"),
    )
)]
pub(crate) struct Description;

pub(super) fn routes(config: &mut ServiceConfig) {
    let pages = SwaggerUi::new("/docs/{_:.*}").url("/api/v1/openapi.json", Description::openapi());
    config.service(resource("/docs").get(to_pages)).service(pages);
}

/// The pages link to their files relatively and so need the slash.
async fn to_pages() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/docs/"))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where clients and reviewers find the description; `STATIOND_REWRITE=1 cargo nextest run openapi` writes it anew.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

    #[test]
    fn description_in_the_documentation_is_the_one_that_is_served() {
        let served = Description::openapi().to_pretty_json().unwrap() + "\n";
        if std::env::var_os("STATIOND_REWRITE").is_some() {
            std::fs::write(FILE, &served).unwrap();
        }
        // Not `assert_eq`: nobody reads two documents of a thousand lines in a test report.
        assert!(
            std::fs::read_to_string(FILE).unwrap() == served,
            "the API changed: rewrite and review docs/openapi.json"
        );
    }

    #[test]
    fn description_names_every_path_and_refers_to_nothing_missing() {
        let description = serde_json::to_value(Description::openapi()).unwrap();
        let schemas = description["components"]["schemas"].as_object().unwrap();
        let text = description.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name} is referred to and missing");
        }
        assert_eq!(description["paths"].as_object().unwrap().len(), 24);
    }

    #[test]
    fn description_names_each_operation_once() {
        let description = serde_json::to_value(Description::openapi()).unwrap();
        let paths = description["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|path| path.as_object().unwrap().values());
        let mut names: Vec<_> = operations
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(
            names.len(),
            count,
            "generators of clients make a function of each: {names:?}"
        );
    }
}
