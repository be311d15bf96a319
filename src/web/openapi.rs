//! `/api/v1/openapi.json`, made from the handlers, and `/docs`, which shows it from assets in the binary.

use std::future::ready;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::middleware::DefaultHeaders;
use actix_web::mime::APPLICATION_JSON;
use actix_web::web::{Bytes, ServiceConfig, resource, scope};
use utoipa::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::compat::mmdvm;
use super::{
    actors, audit, auth, commands, configuration, events, export, feed, health, power, repeater, signals, sse,
    statistics, ws,
};

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
        power::get_system,
        power::get_history,
        power::get_energy,
        statistics::get_statistics,
        statistics::get_quality,
        export::get_csv,
        export::get_adif,
        events::list_events,
        events::get_event,
        signals::list_signals,
        actors::get_tree,
        actors::post_request,
        auth::get_session,
        auth::sign_in,
        auth::sign_out,
        auth::list_sessions,
        auth::end_sessions,
        auth::end_session,
        auth::list_users,
        auth::add_user,
        auth::set_user,
        auth::remove_user,
        auth::list_keys,
        auth::add_key,
        auth::revoke_key,
        commands::list_commands,
        commands::post_command,
        commands::get_command,
        commands::post_word,
        audit::list_audit,
        audit::verify_audit,
        configuration::get_config,
        configuration::list_versions,
        configuration::validate_config,
        configuration::apply_config,
        configuration::roll_back_config,
        configuration::reload_config,
        ws::open,
        sse::open,
        mmdvm::get_status,
        mmdvm::get_mode,
        mmdvm::list_qsos,
        mmdvm::get_health,
        mmdvm::open,
    ),
    modifiers(&Rights),
    components(schemas(model::Subscribe, feed::Frame, commands::DryRun, commands::Say)),
    tags(
        (name = "repeater", description = "Calls, modes and links of the repeater"),
        (name = "power", description = "Inverters, batteries and chargers"),
        (name = "events", description = "The journal"),
        (name = "live", description = "What happens, as it happens"),
        (name = "access", description = "Who may come in: sign-in, sessions, users, keys"),
        (name = "actors", description = "The supervisor tree"),
        (name = "commands", description = "What somebody wants done, and what others say to it"),
        (name = "audit", description = "Who did what"),
        (name = "config", description = "The configuration in force, and how it becomes another one"),
        (name = "health", description = "Is the station well?"),
        (name = "compatibility", description = "For clients of the MMDVM log watcher that this service replaces, in its words"),
    )
)]
pub(crate) struct Description;

/// Says of each operation what it needs.
struct Rights;

impl utoipa::Modify for Rights {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        auth::describe_rights(api);
    }
}

/// Where the description is.
const URL: &str = "/api/v1/openapi.json";

/// What the page of the description needs: its own files, and pictures that its style sheet has in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes(config: &mut ServiceConfig) {
    let description = Bytes::from(Description::openapi().to_json().unwrap_or_default());
    let pages = SwaggerUi::new("/{_:.*}").config(Config::from(URL));
    config
        .service(resource(URL).get(move || ready(json(description.clone()))))
        .service(resource("/docs").get(to_pages))
        .service(
            scope("/docs")
                .wrap(DefaultHeaders::new().add((CONTENT_SECURITY_POLICY, POLICY)))
                .service(pages),
        );
}

fn json(text: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type(APPLICATION_JSON).body(text)
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
        assert_eq!(description["paths"].as_object().unwrap().len(), 42);
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
