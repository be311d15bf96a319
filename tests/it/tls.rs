//! TLS: certificates made for the test, and renewed while clients are there.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use crate::harness::{LIMIT, Stage, Station, stationd};
use crate::people::{PASSWORD, ask_at, key, printed, user};

/// Makes a certificate for this name and puts it where the configuration looks.
pub(crate) fn certificate(stage: &Stage, name: &str) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    fs::write(stage.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    fs::write(stage.path("certificate.pem"), made.cert.pem()).unwrap();
    CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap()
}

/// The section that names its files.
pub(crate) fn section(stage: &Stage) -> String {
    let (certificate, key) = (stage.path("certificate.pem"), stage.path("key.pem"));
    format!("[web.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n")
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Connects as a client that trusts this certificate; `None` if the station shows another.
fn connect(station: &Station, trusted: &CertificateDer<'static>) -> Option<Tls> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(&station.address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    while client.is_handshaking() {
        client.complete_io(&mut stream).ok()?;
    }
    Some(StreamOwned::new(client, stream))
}

/// Asks over an open connection, and leaves it open.
fn health(tls: &mut Tls) -> String {
    tls.write_all(b"GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|end| end == b"\r\n\r\n") || !answer.ends_with(b"}") {
        let mut part = [0; 4096];
        let count = tls.read(&mut part).unwrap();
        assert!(count > 0, "closed");
        answer.extend_from_slice(&part[..count]);
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn station_speaks_tls_and_nothing_else_and_its_cookie_is_secure() {
    let stage = Stage::new();
    certificate(&stage, "localhost");
    stage.configure(&section(&stage));
    let root = key(&stage, "root", "admin");
    user(&stage, "ann", "operator");
    let station = Station::run(&stage);
    let mut plain = TcpStream::connect(&station.address).unwrap();
    plain.set_read_timeout(Some(LIMIT)).unwrap();
    plain
        .write_all(b"GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _closed_or_reset = plain.read_to_end(&mut answer).is_ok();
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));

    let port = station.address.rsplit(':').next().unwrap();
    let url = format!("https://localhost:{port}");
    let pem = fs::read(stage.path("certificate.pem")).unwrap();
    let trusted = ureq::tls::Certificate::from_pem(&pem).unwrap();
    let tls = ureq::tls::TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(ureq::tls::RootCerts::new_with_certs(&[trusted]))
        .build();
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .tls_config(tls)
        .build();
    let agent = ureq::Agent::from(config);
    let body = json!({ "user": "ann", "password": PASSWORD });
    let signed_in = ask_at(&agent, &format!("{url}/api/v1/session"), "POST", &[], &body);
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    assert!(
        signed_in.header("set-cookie").ends_with("; Secure"),
        "{}",
        signed_in.header("set-cookie")
    );
    assert!(signed_in.header("strict-transport-security").contains("max-age="));

    let mut command = stationd();
    command
        .args(["key", "list", "--url", &url, "--key", &root, "--ca"])
        .arg(stage.path("certificate.pem"));
    assert!(printed(&command.output().unwrap()).contains("root"));
}

#[test]
fn renewed_certificate_is_shown_to_the_next_client_and_open_connections_stay() {
    let stage = Stage::new();
    let first = certificate(&stage, "localhost");
    stage.configure(&section(&stage));
    let station = Station::run(&stage);
    let mut open = connect(&station, &first).expect("the first certificate");
    assert!(health(&mut open).contains("200 OK"));

    fs::write(stage.path("certificate.pem"), "broken").unwrap();
    let second = certificate(&stage, "localhost");
    let deadline = Instant::now() + LIMIT;
    while connect(&station, &second).is_none() {
        assert!(
            Instant::now() < deadline,
            "the new certificate is not shown\n{}",
            station.said()
        );
        // The connection that was there before is used all the time, or the station would close it as idle.
        assert!(health(&mut open).contains("200 OK"));
        thread::park_timeout(Duration::from_millis(200));
    }
    assert!(health(&mut open).contains("200 OK"));
    assert!(connect(&station, &first).is_none(), "the old one is gone");
}
