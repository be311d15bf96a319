//! TLS by rustls: a certificate and its key from PEM files, read again when they change.
//!
//! Owns: what is shown to the next client. Connections that are open keep what they began with, so that a renewal disturbs
//! nobody. Files that are wrong are told and left; the certificate before them stays. Fails only at the start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::RwLock;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use thiserror::Error;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Why there is no TLS.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    #[error("{path} (web.tls.{key}): {reason}")]
    File {
        path: String,
        key: &'static str,
        reason: String,
    },
    #[error("certificate and key (web.tls): {0}")]
    Pair(#[from] rustls::Error),
}

/// A certificate that follows its files.
#[derive(Clone, Debug)]
pub(crate) struct Tls(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    certificate: PathBuf,
    key: PathBuf,
    pair: RwLock<Arc<CertifiedKey>>,
    provider: Arc<CryptoProvider>,
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.pair.read()))
    }
}

impl Tls {
    /// Reads both files. *Blocking.*
    ///
    /// # Errors
    /// When a file cannot be read, or they do not belong together.
    pub(crate) fn open(certificate: PathBuf, key: PathBuf) -> Result<Tls, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let pair = RwLock::new(read(&certificate, &key, &provider)?);
        Ok(Tls(Arc::new(Shown {
            certificate,
            key,
            pair,
            provider,
        })))
    }

    /// What the server speaks: TLS 1.2 and 1.3.
    pub(super) fn config(&self) -> ServerConfig {
        let shown: Arc<Shown> = Arc::clone(&self.0);
        // Both versions are what the provider was built for; its own defaults stand behind the `unwrap_or_else`.
        ServerConfig::builder_with_provider(Arc::clone(&shown.provider))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .unwrap_or_else(|_| ServerConfig::builder())
            .with_no_client_auth()
            .with_cert_resolver(shown)
    }

    /// Looks at the files for ever, and shows what is new and good.
    pub(super) async fn keep_fresh(self) {
        let mut seen = self.look().await;
        let mut tick = tokio::time::interval(LOOK_EVERY);
        loop {
            tick.tick().await;
            let now = self.look().await;
            if now == seen {
                continue;
            }
            seen = now;
            let tls = self.clone();
            let renewed = tokio::task::spawn_blocking(move || tls.renew()).await;
            match renewed {
                Ok(Ok(())) => tracing::info!("certificate renewed"),
                Ok(Err(error)) => tracing::error!(%error, "new certificate refused, the one before stays"),
                Err(error) => tracing::error!(%error, "new certificate not read"),
            }
        }
    }

    /// When both files were changed, and how long they are.
    async fn look(&self) -> [Option<(SystemTime, u64)>; 2] {
        let look = async |path: &Path| {
            let facts = tokio::fs::metadata(path).await.ok()?;
            Some((facts.modified().ok()?, facts.len()))
        };
        [look(&self.0.certificate).await, look(&self.0.key).await]
    }

    fn renew(&self) -> Result<(), TlsError> {
        let pair = read(&self.0.certificate, &self.0.key, &self.0.provider)?;
        *self.0.pair.write() = pair;
        Ok(())
    }
}

fn read(certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let blame = |path: &Path, key: &'static str, reason: &dyn ToString| TlsError::File {
        path: path.display().to_string(),
        key,
        reason: reason.to_string(),
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate)
        .map_err(|error| blame(certificate, "certificate", &error))?
        .collect();
    let chain = chain.map_err(|error| blame(certificate, "certificate", &error))?;
    if chain.is_empty() {
        return Err(blame(
            certificate,
            "certificate",
            &io::Error::other("there is no certificate in it"),
        ));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| blame(key, "key", &error))?;
    Ok(Arc::new(CertifiedKey::from_der(chain, private, provider)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let (certificate, key) = (
            directory.join(format!("{name}.pem")),
            directory.join(format!("{name}.key")),
        );
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (certificate, key)
    }

    #[test]
    fn renewal_shows_the_new_certificate_and_a_wrong_one_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = files(directory.path(), "a.example");
        let (other_certificate, other_key) = files(directory.path(), "b.example");
        let tls = Tls::open(certificate.clone(), key.clone()).unwrap();
        let shown = || tls.0.pair.read().cert.clone();
        let before = shown();
        std::fs::copy(&other_certificate, &certificate).unwrap();
        assert!(tls.renew().is_err(), "the key is still the old one");
        assert_eq!(shown(), before);
        std::fs::copy(&other_key, &key).unwrap();
        tls.renew().unwrap();
        assert_ne!(shown(), before);
    }

    #[test]
    fn file_that_is_wrong_is_named_with_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = files(directory.path(), "a.example");
        let empty = directory.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        let missing = directory.path().join("missing.pem");
        for (certificate, key, said) in [
            (&missing, &key, "web.tls.certificate"),
            (&empty, &key, "no certificate in it"),
            (&certificate, &missing, "web.tls.key"),
            (&certificate, &empty, "web.tls.key"),
        ] {
            let error = Tls::open(certificate.clone(), key.clone()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
