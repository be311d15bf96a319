//! The one table of who may do what. Everything is closed by default: what no rule names needs a viewer to read and an
//! operator to act, and only the page itself, which holds no data, is open to everybody.

use actix_web::http::Method;
use model::Role;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, OpenApi};

/// What a request needs; `None`: nothing.
pub(super) type Needed = Option<Role>;

/// A part of the paths, what reading there needs, and what acting.
struct Rule {
    path: &'static str,
    read: Needed,
    act: Needed,
}

const fn rule(path: &'static str, read: Needed, act: Needed) -> Rule {
    Rule { path, read, act }
}

/// The first that names the path or one above it counts.
const RULES: [Rule; 6] = [
    rule("/api/v1/session", None, None),
    rule("/api/v1/sessions", Some(Role::Viewer), Some(Role::Viewer)),
    rule("/api/v1/users", Some(Role::Admin), Some(Role::Admin)),
    rule("/api/v1/keys", Some(Role::Admin), Some(Role::Admin)),
    rule("/api/v1/audit", Some(Role::Operator), Some(Role::Admin)),
    rule("/api/v1/config", Some(Role::Operator), Some(Role::Operator)),
];

/// Where there is data. Whatever is read elsewhere is the page.
const DATA: [&str; 3] = ["/api", "/ws", "/stream"];

/// What this request needs. `path` is the one that the router sees, decoded.
pub(super) fn needed(method: &Method, path: &str) -> Needed {
    let rule = RULES.iter().find(|rule| is_within(path, rule.path));
    match (rule, method.is_safe()) {
        (Some(rule), true) => rule.read,
        (Some(rule), false) => rule.act,
        (None, true) if DATA.iter().any(|data| is_within(path, data)) => Some(Role::Viewer),
        (None, true) => None,
        (None, false) => Some(Role::Operator),
    }
}

/// By whole segments.
fn is_within(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Writes into the API's description how to prove who one is, and what each operation needs (`x-needed-role`).
pub(crate) fn describe_rights(api: &mut OpenApi) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_closed_by_default_and_knows_whole_segments() {
        let (viewer, operator, admin) = (Some(Role::Viewer), Some(Role::Operator), Some(Role::Admin));
        for (path, read, act) in [
            ("/", None, operator),
            ("/assets/app.js", None, operator),
            ("/apiary", None, operator),
            ("/api", viewer, operator),
            ("/api/status", viewer, operator),
            ("/api/v1/events", viewer, operator),
            ("/api/v1/actors/web/restart", viewer, operator),
            ("/api/v1/nothing/yet", viewer, operator),
            ("/ws", viewer, operator),
            ("/stream", viewer, operator),
            ("/api/v1/session", None, None),
            ("/api/v1/sessions", viewer, viewer),
            ("/api/v1/sessions/x", viewer, viewer),
            ("/api/v1/sessionsx", viewer, operator),
            ("/api/v1/users", admin, admin),
            ("/api/v1/users/ann", admin, admin),
            ("/api/v1/keys/1", admin, admin),
            ("/api/v1/audit/verify", operator, admin),
            ("/api/v1/config", operator, operator),
        ] {
            assert_eq!(needed(&Method::GET, path), read, "read {path}");
            assert_eq!(needed(&Method::HEAD, path), read, "head {path}");
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                assert_eq!(needed(&method, path), act, "{method} {path}");
            }
        }
    }
}
