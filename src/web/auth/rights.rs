//! The one table of who may do what. Everything is closed by default: what no rule names needs a viewer to read and an
//! operator to act, and only the page itself, which holds no data, is open to everybody.

use actix_web::http::Method;
use model::Role;

/// What a request needs; `None`: nothing.
pub(crate) type Needed = Option<Role>;

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
pub(crate) fn needed(method: &Method, path: &str) -> Needed {
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
