//! What is needed to speak TLS to a broker: whom to believe, and who we are. *Blocking*: reads files.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

use crate::config::MqttConfig;

/// Why a broker cannot be spoken to in TLS.
#[derive(Debug, Error)]
pub(super) enum TlsProblem {
    /// A file cannot be read, or holds something else.
    #[error("{key} {file}: {reason}")]
    File {
        key: &'static str,
        file: String,
        reason: String,
    },
    /// The system names nobody.
    #[error("the system has no certificate authorities; name one by ca_file")]
    NoAuthority,
    /// Certificate and key do not fit, or are of no use.
    #[error("TLS: {0}")]
    Rustls(#[from] rustls::Error),
}

/// The client's side of TLS, as configured.
pub(super) fn client(config: &MqttConfig) -> Result<Arc<ClientConfig>, TlsProblem> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(authorities(&config.ca_file)?);
    let client = if config.certificate_file.as_os_str().is_empty() {
        builder.with_no_client_auth()
    } else {
        let chain = certificates("certificate_file", &config.certificate_file)?;
        let key = PrivateKeyDer::from_pem_file(&config.key_file);
        let key = key.map_err(|error| problem("key_file", &config.key_file, error))?;
        builder.with_client_auth_cert(chain, key)?
    };
    Ok(Arc::new(client))
}

fn authorities(file: &Path) -> Result<RootCertStore, TlsProblem> {
    let mut roots = RootCertStore::empty();
    if file.as_os_str().is_empty() {
        let (taken, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if taken > 0 {
            Ok(roots)
        } else {
            Err(TlsProblem::NoAuthority)
        };
    }
    for certificate in certificates("ca_file", file)? {
        roots
            .add(certificate)
            .map_err(|error| problem("ca_file", file, error))?;
    }
    Ok(roots)
}

fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
    let certificates = read().map_err(|error| problem(key, file, error))?;
    if certificates.is_empty() {
        return Err(problem(key, file, "holds no certificate"));
    }
    Ok(certificates)
}

fn problem(key: &'static str, file: &Path, reason: impl ToString) -> TlsProblem {
    TlsProblem::File {
        key,
        file: file.display().to_string(),
        reason: reason.to_string(),
    }
}
