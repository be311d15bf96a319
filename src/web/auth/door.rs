//! What the door knows of a request before anybody is named: where it comes from, and whether that is this computer.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN};
use parking_lot::Mutex;

use super::rate::Rate;
use crate::access::Access;
use crate::config::WebConfig;
use crate::web::guard::{Hosts, is_loopback_name, same_origin};

/// Where proxies say for whom they ask.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What proxies add. A request that has any of them does not come from this computer, whoever brings it.
const FORWARDED: [&str; 3] = ["forwarded", "x-real-ip", "via"];
/// The beginning of others of that kind.
const X_FORWARDED: &str = "x-forwarded-";

/// The rules of the door.
pub(crate) struct Door {
    pub(crate) access: Access,
    pub(crate) hosts: Hosts,
    /// Origins of other sites whose pages may ask, with a key.
    pub(crate) cors: Vec<String>,
    /// Whether browsers reach us encrypted, so that the cookie may insist on it.
    pub(crate) is_encrypted: bool,
    behind_proxy: bool,
    proxies: Vec<IpAddr>,
    pub(super) rate: Mutex<Rate>,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: Option<IpAddr>,
    /// A program or browser of this computer, talking to us directly.
    pub(crate) is_local: bool,
    /// A page of another site speaks: what the browser adds by itself (cookie, being local) is not its own.
    pub(crate) is_foreign_page: bool,
}

impl Door {
    pub(crate) fn new(config: &WebConfig, access: Access) -> Door {
        Door {
            access,
            hosts: Hosts::new(&config.allowed_hosts, !config.bind.is_loopback()),
            cors: config.cors_origins.clone(),
            is_encrypted: config.is_encrypted(),
            behind_proxy: config.behind_tls_proxy,
            proxies: config.trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            rate: Mutex::new(Rate::new(config.requests_per_second)),
        }
    }

    /// Where a request comes from. `host`: the name that it asks for.
    pub(crate) fn client(&self, peer: Option<IpAddr>, host: &str, headers: &HeaderMap) -> Client {
        let peer = peer.map(|peer| peer.to_canonical());
        let origin = headers.get(ORIGIN).map(|origin| origin.to_str().ok());
        let is_foreign_page = origin.is_some_and(|origin| !same_origin(origin, host));
        let is_near = peer.is_some_and(|peer| peer.is_loopback()) && is_loopback_name(host);
        Client {
            address: peer.map(|peer| self.behind_proxies(peer, headers)),
            is_local: is_near && !self.behind_proxy && !is_foreign_page && !is_forwarded(headers),
            is_foreign_page,
        }
    }

    /// The last address that somebody trusted did not add himself.
    fn behind_proxies(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.behind_proxy || !self.proxies.contains(&peer) {
            return peer;
        }
        let texts: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .filter_map(|value| value.to_str().ok())
            .collect();
        let mut hops = texts
            .iter()
            .flat_map(|text| text.split(','))
            .collect::<Vec<_>>()
            .into_iter()
            .rev();
        let mut nearest = peer;
        while self.proxies.contains(&nearest) {
            match hops.next().and_then(|hop| hop.trim().parse::<IpAddr>().ok()) {
                Some(hop) => nearest = hop.to_canonical(),
                None => break,
            }
        }
        nearest
    }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| FORWARDED.contains(&name.as_str()) || name.as_str().starts_with(X_FORWARDED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn client(config: &WebConfig, peer: &str, host: &str, pairs: &[(&'static str, &'static str)]) -> Client {
        let door = Door::new(config, Access::for_test());
        door.client(Some(peer.parse().unwrap()), host, &headers(pairs))
    }

    #[test]
    fn local_is_who_talks_to_the_loopback_directly() {
        let config = WebConfig {
            allowed_hosts: vec!["radio.example.org".to_owned()],
            ..WebConfig::default()
        };
        let is_local = |peer, host, pairs: &[_]| client(&config, peer, host, pairs).is_local;
        assert!(is_local("127.0.0.1", "localhost:8080", &[]));
        assert!(is_local(
            "::ffff:127.0.0.1",
            "127.0.0.1",
            &[("origin", "http://127.0.0.1")]
        ));
        assert!(is_local("::1", "[::1]:8080", &[]));
        assert!(!is_local("192.0.2.1", "localhost:8080", &[]));
        assert!(
            !is_local("127.0.0.1", "radio.example.org", &[]),
            "somebody's tunnel or proxy"
        );
        assert!(!is_local(
            "127.0.0.1",
            "localhost",
            &[("origin", "https://map.example.org")]
        ));
        for name in ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "via"] {
            assert!(!is_local("127.0.0.1", "localhost", &[(name, "x")]), "{name}");
        }
        let config = WebConfig {
            behind_tls_proxy: true,
            ..config
        };
        assert!(!client(&config, "127.0.0.1", "localhost", &[]).is_local);
    }

    #[test]
    fn address_behind_a_proxy_is_believed_of_trusted_proxies_only() {
        let trusting = WebConfig {
            behind_tls_proxy: true,
            trusted_proxies: vec!["127.0.0.1".parse().unwrap(), "192.0.2.9".parse().unwrap()],
            ..WebConfig::default()
        };
        let address = |config: &WebConfig, peer: &str, pairs: &[_]| {
            client(config, peer, "localhost", pairs).address.unwrap().to_string()
        };
        let said = [("x-forwarded-for", "203.0.113.5, 198.51.100.7, 192.0.2.9")];
        assert_eq!(
            address(&trusting, "127.0.0.1", &said),
            "198.51.100.7",
            "what it says itself is no evidence"
        );
        assert_eq!(address(&trusting, "198.51.100.1", &said), "198.51.100.1");
        assert_eq!(address(&WebConfig::default(), "127.0.0.1", &said), "127.0.0.1");
        assert_eq!(address(&trusting, "127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(
            address(&trusting, "127.0.0.1", &[("x-forwarded-for", "junk")]),
            "127.0.0.1"
        );
    }
}
