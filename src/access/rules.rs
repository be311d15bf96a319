//! What names, roles and passwords are acceptable; the same for the API and the command line.

use model::Role;

use super::LOCAL;
use super::password::{MAX_BYTES, MIN_CHARS};

/// Longest name of a user, in bytes.
const MAX_USER_NAME: usize = 32;

/// Longest name of a key, in characters.
const MAX_KEY_NAME: usize = 64;

/// A user's name: what the audit calls them, so it must not be taken for a key's or this computer's.
pub(crate) fn check_user_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if name == LOCAL {
        return Err(format!("{LOCAL:?} is what this computer's own users are called"));
    }
    if (1..=MAX_USER_NAME).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err(format!(
        "a user's name has 1 to {MAX_USER_NAME} letters, digits, dots, hyphens and underscores"
    ))
}

/// A person's role.
pub(crate) fn check_user_role(role: Role) -> Result<(), String> {
    match role {
        Role::Viewer | Role::Operator | Role::Admin => Ok(()),
        Role::Station => Err("a person is viewer, operator or admin; station is for keys".to_owned()),
    }
}

/// A password: length is what counts.
pub(crate) fn check_password(password: &str) -> Result<(), String> {
    if password.chars().count() >= MIN_CHARS && password.len() <= MAX_BYTES {
        return Ok(());
    }
    Err(format!(
        "a password has at least {MIN_CHARS} characters and at most {MAX_BYTES} bytes"
    ))
}

/// A key's name.
pub(crate) fn check_key_name(name: &str) -> Result<(), String> {
    let chars = name.chars().count();
    if (1..=MAX_KEY_NAME).contains(&chars) && !name.chars().any(char::is_control) && name.trim() == name {
        return Ok(());
    }
    Err(format!(
        "a key's name has 1 to {MAX_KEY_NAME} characters, no control characters, no spaces around it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_could_be_taken_for_something_else_is_refused() {
        for good in ["ann", "G4KLX", "ann.b-c_2"] {
            assert_eq!(check_user_name(good), Ok(()), "{good}");
        }
        for bad in ["", "local", "key:x", "ann b", "änn", &"a".repeat(33)] {
            assert!(check_user_name(bad).is_err(), "{bad}");
        }
        for bad in ["", " x", "a\nb", &"ä".repeat(65)] {
            assert!(check_key_name(bad).is_err(), "{bad}");
        }
        assert_eq!(check_key_name("Karte im Süden"), Ok(()));
    }

    #[test]
    fn password_counts_by_length() {
        assert!(check_password("short").is_err() && check_password(&"x".repeat(257)).is_err());
        assert_eq!(check_password("äöüäöüäö"), Ok(()));
    }
}
