//! Passwords: argon2id, two at a time, so that a flood of sign-ins costs the station neither its processor nor its memory.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::AccessError;
use crate::secret::random;

/// Memory of one hash, in KiB (OWASP password storage cheat sheet: 19 MiB, 2 iterations, 1 lane).
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Lanes: one thread a hash.
const LANES: u32 = 1;
/// Hashes computed at a time.
const AT_A_TIME: usize = 2;
/// Hashes that may wait for their turn.
const WAITING: usize = 16;
/// Salt, in bytes (RFC 9106 recommends 16).
const SALT_BYTES: usize = 16;

/// Shortest password, in characters (NIST SP 800-63B).
pub(crate) const MIN_CHARS: usize = 8;
/// Longest password, in bytes: nobody types more.
pub(crate) const MAX_BYTES: usize = 256;

/// Hashes and checks passwords, off the HTTP threads.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// Checked in place of the password of somebody who does not exist, so that time tells nobody who does.
    nobody: String,
}

impl Passwords {
    pub(crate) fn new() -> Result<Passwords, AccessError> {
        Ok(Passwords {
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            places: Arc::new(Semaphore::new(AT_A_TIME + WAITING)),
            nobody: hash("nobody")?,
        })
    }

    /// The hash to keep.
    ///
    /// # Errors
    /// When too many wait.
    pub(crate) async fn hash(&self, password: String) -> Result<String, AccessError> {
        self.in_turn(move || hash(&password)).await?
    }

    /// Whether it is the password of that hash; `None`: of nobody.
    ///
    /// # Errors
    /// When too many wait.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, AccessError> {
        let somebody = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let is_it = self.in_turn(move || verify(&password, &hash)).await?;
        Ok(is_it && somebody)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AccessError> {
        let busy = |_| AccessError::Busy;
        let _place = Arc::clone(&self.places).try_acquire_owned().map_err(busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| AccessError::Unavailable(error.to_string()))?;
        let work = move || {
            // Held by the work and not by who waits for it: those who hang up make no room for more.
            let _turn = turn;
            work()
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| AccessError::Unavailable(error.to_string()))
    }
}

fn argon2() -> Result<Argon2<'static>, AccessError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(unable)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, AccessError> {
    let bytes = random::<SALT_BYTES>().map_err(unable)?;
    let salt = SaltString::encode_b64(&bytes).map_err(unable)?;
    let hash = argon2()?.hash_password(password.as_bytes(), &salt).map_err(unable)?;
    Ok(hash.to_string())
}

/// The parameters are those of the hash, so that old ones stay good when ours change.
fn verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    argon2().is_ok_and(|argon2| argon2.verify_password(password.as_bytes(), &hash).is_ok())
}

fn unable(error: impl std::fmt::Display) -> AccessError {
    AccessError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn password_is_known_again_and_another_is_not() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(
            passwords
                .verify("correct horse".to_owned(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!passwords.verify("correct house".to_owned(), Some(hash)).await.unwrap());
        assert!(
            !passwords.verify("nobody".to_owned(), None).await.unwrap(),
            "nobody cannot come in"
        );
    }

    #[tokio::test]
    async fn flood_of_passwords_is_turned_away_at_the_door() {
        let passwords = Passwords::new().unwrap();
        let tries = (0..40).map(|_| passwords.verify("x".to_owned(), None));
        let answers = futures_util::future::join_all(tries).await;
        let busy = answers
            .iter()
            .filter(|answer| matches!(answer, Err(AccessError::Busy)))
            .count();
        assert_eq!(busy, 40 - AT_A_TIME - WAITING);
    }
}
