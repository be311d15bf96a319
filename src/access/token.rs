//! Random keys and session tokens: `sk_ID_SECRET` and `ID_SECRET`. The id finds the record, the secret proves it.
//!
//! What is kept is a keyed hash: random 192 bits need no slow one, and without the station's secret it is of no use to a thief.

use std::fmt;
use std::io;

use ring::hmac;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::secret::{Secret, hex, random};

/// What an API key begins with, so that people and scanners recognise one.
const KEY_PREFIX: &str = "sk_";

/// Length of an id, in bytes: enough never to meet twice.
const ID_BYTES: usize = 6;

/// Length of the secret part, in bytes.
const SECRET_BYTES: usize = 24;

/// Makes and checks tokens of one kind.
pub(crate) struct Mint {
    key: hmac::Key,
    csrf: hmac::Key,
    prefix: &'static str,
}

/// A token fresh from the mint: shown once, kept as its hash.
pub(crate) struct Coin {
    pub(crate) id: String,
    /// What its owner gets.
    pub(crate) token: String,
    /// What the station keeps.
    pub(crate) hash: Hash,
}

/// The keyed hash of a token.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash([u8; 32]);

impl Mint {
    /// For API keys.
    pub(crate) fn keys(secret: &Secret) -> Mint {
        Mint::new(secret, "api-keys", KEY_PREFIX)
    }

    /// For browser sessions.
    pub(crate) fn sessions(secret: &Secret) -> Mint {
        Mint::new(secret, "sessions", "")
    }

    fn new(secret: &Secret, purpose: &str, prefix: &'static str) -> Mint {
        Mint {
            key: secret.key(purpose),
            csrf: secret.key("csrf"),
            prefix,
        }
    }

    pub(crate) fn coin(&self) -> io::Result<Coin> {
        let id = hex(&random::<ID_BYTES>()?);
        let token = format!("{}{id}_{}", self.prefix, hex(&random::<SECRET_BYTES>()?));
        let hash = Hash::of(&hmac::sign(&self.key, token.as_bytes()));
        Ok(Coin { id, token, hash })
    }

    /// The id that a token claims.
    pub(crate) fn id<'a>(&self, token: &'a str) -> Option<&'a str> {
        let (id, _) = token.strip_prefix(self.prefix)?.split_once('_')?;
        Some(id)
    }

    /// Whether this is the token of that hash, in constant time.
    pub(crate) fn proves(&self, token: &str, hash: &Hash) -> bool {
        hmac::verify(&self.key, token.as_bytes(), &hash.0).is_ok()
    }

    /// What a page has to say besides its cookie to act: another site's page can make the browser send the cookie, but
    /// cannot read this.
    pub(crate) fn csrf(&self, token: &str) -> String {
        hex(hmac::sign(&self.csrf, token.as_bytes()).as_ref())
    }

    /// Whether a page said it, in constant time.
    pub(crate) fn is_csrf(&self, token: &str, said: &str) -> bool {
        Hash::read(said).is_some_and(|said| hmac::verify(&self.csrf, token.as_bytes(), &said.0).is_ok())
    }
}

impl Hash {
    fn of(tag: &hmac::Tag) -> Hash {
        Hash(<[u8; 32]>::try_from(tag.as_ref()).unwrap_or_default())
    }

    fn read(text: &str) -> Option<Hash> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(pairs) {
            let pair = str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Hash(hash))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        Hash::read(&text).ok_or_else(|| serde::de::Error::custom("a hash has 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        let directory = tempfile::tempdir().unwrap();
        Secret::beside(&directory.path().join("station.db")).unwrap()
    }

    #[test]
    fn token_proves_itself_and_no_other_does() {
        let secret = secret();
        let mint = Mint::keys(&secret);
        let (coin, other) = (mint.coin().unwrap(), mint.coin().unwrap());
        assert_eq!(mint.id(&coin.token), Some(coin.id.as_str()));
        assert!(mint.proves(&coin.token, &coin.hash));
        assert!(!mint.proves(&other.token, &coin.hash));
        assert!(!Mint::sessions(&secret).proves(&coin.token, &coin.hash));
        let swapped = coin.token.replace(&coin.id, &other.id);
        assert!(!mint.proves(&swapped, &coin.hash), "the id belongs to the token");
    }

    #[test]
    fn hash_survives_the_journal_and_refuses_what_is_none() {
        let hash = Mint::keys(&secret()).coin().unwrap().hash;
        let text = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<Hash>(&text).unwrap(), hash);
        for bad in ["\"\"", "\"00\"", "1", &text.replace('"', "\"zz").replace("zz\"", "\"")] {
            assert!(serde_json::from_str::<Hash>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn csrf_word_belongs_to_one_session() {
        let mint = Mint::sessions(&secret());
        let (coin, other) = (mint.coin().unwrap(), mint.coin().unwrap());
        assert!(mint.is_csrf(&coin.token, &mint.csrf(&coin.token)));
        assert!(!mint.is_csrf(&coin.token, &mint.csrf(&other.token)));
        for said in ["", "x", "é", &coin.token] {
            assert!(!mint.is_csrf(&coin.token, said), "{said}");
        }
    }
}
