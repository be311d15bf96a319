//! The API's description, made from the handlers and from the table of rights.

use actix_web::http::Method;
use utoipa::OpenApi;
use utoipa::openapi::Components;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};

use crate::web::auth::described::needed;
use crate::web::compat::{mmdvm, mpp_solar};
use crate::web::{
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
        power::settings::list_settings,
        power::history::get_history,
        power::history::get_energy,
        statistics::get_statistics,
        statistics::get_quality,
        export::get_csv,
        export::get_adif,
        events::list_events,
        events::get_event,
        signals::list_signals,
        actors::get_tree,
        actors::post_request,
        auth::described::get_session,
        auth::described::sign_in,
        auth::described::sign_out,
        auth::described::list_sessions,
        auth::described::end_sessions,
        auth::described::end_session,
        auth::described::list_users,
        auth::described::add_user,
        auth::described::set_user,
        auth::described::remove_user,
        auth::described::list_keys,
        auth::described::add_key,
        auth::described::revoke_key,
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
        mpp_solar::get_data,
        mpp_solar::get_historical,
        mpp_solar::get_historical_all,
        mpp_solar::post_command,
        mpp_solar::refresh,
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
struct Description;

/// Says of each operation what it needs.
struct Rights;

impl utoipa::Modify for Rights {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        describe_rights(api);
    }
}

/// Writes into the API's description how to prove who one is, and what each operation needs (`x-needed-role`).
fn describe_rights(api: &mut utoipa::openapi::OpenApi) {
    let components = api.components.get_or_insert_with(Components::new);
    let header = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("key", SecurityScheme::ApiKey(header));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in operations(item) {
            if let Some(role) = needed(&method, path) {
                operation.extensions = Some(ExtensionsBuilder::new().add("x-needed-role", role.as_str()).build());
                let none: [&str; 0] = [];
                operation.security = Some(vec![
                    SecurityRequirement::new("key", none),
                    SecurityRequirement::new("bearer", none),
                ]);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PUT, &mut item.put),
        (Method::PATCH, &mut item.patch),
        (Method::DELETE, &mut item.delete),
        (Method::HEAD, &mut item.head),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

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
    assert_eq!(description["paths"].as_object().unwrap().len(), 51);
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
