//! Who is connected, and who was refused: connections by address, seats for live sessions, counts for the page.
//!
//! Owns: the limits of `[clients]`. One address that asks for everything gets its share and no more; a connection above
//! the share is closed before a byte of it is read. What was refused or thrown out is counted and shown as the signal
//! `web` / `clients`. Addresses are forgotten with their last connection, so the books are no larger than the house.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr, Shutdown};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use parking_lot::Mutex;
use serde::Serialize;
use socket2::SockRef;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::{Kind, Problem};
use crate::config::ClientsConfig;

/// The bits of an IPv6 address that a household or a host has in common (RFC 6177); the rest it can choose as it likes.
const NETWORK_BITS: u32 = 64;

/// Why somebody was refused or thrown out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// More connections from one address than its share.
    Address,
    /// Every seat for a live session is taken.
    Seat,
    /// A connection that ended without a request: garbage, endless headers, or nothing at all.
    NoRequest,
    /// A session whose client sent what is no WebSocket frame, or one that is too large.
    Frame,
    /// A session whose client talks too much.
    Chatter,
    /// A session whose client does not answer.
    Silence,
}

/// What the page is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    connections: usize,
    sessions: usize,
    refused: Refused,
}

/// How often each [`Refusal`] was given since the service started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Refused {
    address: u64,
    seat: u64,
    no_request: u64,
    frame: u64,
    chatter: u64,
    silence: u64,
}

/// The books; clones are handles to the same ones.
#[derive(Clone)]
pub(super) struct Clients(Arc<Books>);

struct Books {
    max_sessions: usize,
    max_per_address: usize,
    shared_addresses: Vec<IpAddr>,
    seats: Arc<Semaphore>,
    connections: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    refused: [AtomicU64; 6],
}

/// One connection, on the books until it is dropped.
struct Connection {
    clients: Clients,
    /// Whom to count it for; `None` where no share holds.
    address: Option<IpAddr>,
    refused: bool,
    asked: AtomicBool,
}

impl Clients {
    pub(super) fn new(config: &ClientsConfig) -> Clients {
        Clients(Arc::new(Books {
            max_sessions: config.max_sessions,
            max_per_address: config.max_per_address,
            shared_addresses: config.shared_addresses.clone(),
            seats: Arc::new(Semaphore::new(config.max_sessions)),
            connections: AtomicUsize::new(0),
            by_address: Mutex::default(),
            refused: Default::default(),
        }))
    }

    /// A connection was accepted. `extensions` live as long as it does.
    pub(super) fn connected(&self, stream: &dyn Any, extensions: &mut Extensions) {
        let Some(stream) = stream.downcast_ref::<TcpStream>() else {
            return;
        };
        let Ok(peer) = stream.peer_addr() else {
            // It is gone already.
            return;
        };
        let connection = self.admit(peer.ip());
        if connection.refused {
            // The server reads the end of the stream and closes; an error means that the peer was faster.
            let _closed_or_gone = SockRef::from(stream).shutdown(Shutdown::Both).is_ok();
        }
        extensions.insert(connection);
    }

    fn admit(&self, address: IpAddr) -> Connection {
        let Clients(books) = self;
        books.connections.fetch_add(1, Ordering::Relaxed);
        let address = (!books.shared_addresses.contains(&address.to_canonical())).then(|| network(address));
        let full = address.is_some_and(|address| {
            let mut by_address = books.by_address.lock();
            let count = by_address.entry(address).or_default();
            *count += 1;
            *count > books.max_per_address
        });
        if full {
            self.count(Refusal::Address);
        }
        Connection {
            clients: self.clone(),
            address,
            refused: full,
            asked: AtomicBool::new(false),
        }
    }

    /// The connection of this request has asked something.
    pub(super) fn asked(request: &HttpRequest) {
        if let Some(connection) = request.conn_data::<Connection>() {
            connection.asked.store(true, Ordering::Relaxed);
        }
    }

    /// Room for one live session.
    pub(super) fn take_seat(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let Clients(books) = self;
        Arc::clone(&books.seats).try_acquire_owned().map_err(|_| {
            self.count(Refusal::Seat);
            Problem::new(
                Kind::TooManySessions,
                format!("{} sessions are open", books.max_sessions),
            )
        })
    }

    /// Live sessions now.
    pub(super) fn open_sessions(&self) -> usize {
        self.0.max_sessions.saturating_sub(self.0.seats.available_permits())
    }

    pub(super) fn count(&self, refusal: Refusal) {
        self.counter(refusal).fetch_add(1, Ordering::Relaxed);
    }

    fn counter(&self, refusal: Refusal) -> &AtomicU64 {
        let [address, seat, no_request, frame, chatter, silence] = &self.0.refused;
        match refusal {
            Refusal::Address => address,
            Refusal::Seat => seat,
            Refusal::NoRequest => no_request,
            Refusal::Frame => frame,
            Refusal::Chatter => chatter,
            Refusal::Silence => silence,
        }
    }

    pub(super) fn told(&self) -> Told {
        let [address, seat, no_request, frame, chatter, silence] =
            self.0.refused.each_ref().map(|count| count.load(Ordering::Relaxed));
        Told {
            connections: self.0.connections.load(Ordering::Relaxed),
            sessions: self.open_sessions(),
            refused: Refused {
                address,
                seat,
                no_request,
                frame,
                chatter,
                silence,
            },
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let books = &self.clients.0;
        books.connections.fetch_sub(1, Ordering::Relaxed);
        if !self.refused && !*self.asked.get_mut() {
            self.clients.count(Refusal::NoRequest);
        }
        let Some(address) = self.address else {
            return;
        };
        if let Entry::Occupied(mut entry) = books.by_address.lock().entry(address) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// Whom an address stands for.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let host_bits = u128::BITS - NETWORK_BITS;
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> host_bits << host_bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients() -> Clients {
        Clients::new(&ClientsConfig {
            max_sessions: 2,
            max_per_address: 2,
            ..ClientsConfig::default()
        })
    }

    fn admitted(clients: &Clients, address: &str) -> Connection {
        clients.admit(address.parse().unwrap())
    }

    #[test]
    fn address_above_its_share_is_refused_until_it_lets_go_and_others_are_not() {
        let clients = clients();
        let first = admitted(&clients, "192.0.2.1");
        let second = admitted(&clients, "::ffff:192.0.2.1");
        assert!(!first.refused && !second.refused);
        assert!(admitted(&clients, "192.0.2.1").refused);
        assert!(!admitted(&clients, "192.0.2.2").refused);
        drop(first);
        assert!(!admitted(&clients, "192.0.2.1").refused);
        assert_eq!(clients.told().refused.address, 1);
        drop(second);
        assert!(clients.0.by_address.lock().is_empty(), "nobody is remembered");
        assert_eq!(clients.told().connections, 0);
    }

    #[test]
    fn ipv6_network_has_one_share_and_a_shared_address_none() {
        let clients = clients();
        let held = ["2001:db8::1", "2001:db8::2"].map(|address| admitted(&clients, address));
        assert!(admitted(&clients, "2001:db8::3").refused);
        assert!(!admitted(&clients, "2001:db8:0:1::3").refused);
        let local: Vec<_> = (0..9).map(|_| admitted(&clients, "127.0.0.1")).collect();
        assert!(local.iter().all(|connection| !connection.refused));
        drop(held);
    }

    #[test]
    fn seats_are_bounded_and_free_again_when_left() {
        let clients = clients();
        let seats = [clients.take_seat().unwrap(), clients.take_seat().unwrap()];
        assert_eq!(clients.take_seat().unwrap_err().kind(), Kind::TooManySessions);
        assert_eq!((clients.told().sessions, clients.told().refused.seat), (2, 1));
        drop(seats);
        assert!(clients.take_seat().is_ok());
    }

    #[test]
    fn connection_without_a_request_is_counted() {
        let clients = clients();
        admitted(&clients, "192.0.2.1").asked.store(true, Ordering::Relaxed);
        assert_eq!(clients.told().refused.no_request, 0);
        drop(admitted(&clients, "192.0.2.1"));
        assert_eq!(clients.told().refused.no_request, 1);
    }
}
