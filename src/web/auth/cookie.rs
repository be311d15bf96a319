//! The session cookie, read and written.

use std::time::Duration;

use actix_web::http::header::{COOKIE, HeaderMap};

/// Its name.
const NAME: &str = "stationd_session";

/// The session token that a browser sent.
pub(super) fn read(headers: &HeaderMap) -> Option<&str> {
    let texts = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let mut pairs = texts
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == NAME).then_some(value))
}

/// Gives a browser its token. Scripts cannot read it, other sites cannot make the browser send it.
pub(super) fn give(token: &str, life: Duration, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    let seconds = life.as_secs();
    format!("{NAME}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Takes it away again.
pub(super) fn take(secure: bool) -> String {
    give("", Duration::ZERO, secure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn cookie_is_found_among_others_and_only_by_its_whole_name() {
        let token = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(COOKIE, HeaderValue::from_static(value));
            }
            read(&headers).map(str::to_owned)
        };
        assert_eq!(token(&["a=1; stationd_session=x_y; b=2"]).as_deref(), Some("x_y"));
        assert_eq!(
            token(&["a=1", "stationd_session=x"]).as_deref(),
            Some("x"),
            "a proxy may split them"
        );
        for none in ["", ";;=", "xstationd_session=x", "stationd_session"] {
            assert_eq!(token(&[none]), None, "{none}");
        }
    }
}
