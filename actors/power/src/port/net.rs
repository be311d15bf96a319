//! Serial servers that hand bytes on as they are, in a stream or in datagrams.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// Largest datagram that is taken; a serial server sends what its line has collected.
const MAX_DATAGRAM: usize = 2048;

/// Connects to a server.
pub(super) async fn connect(host: &str) -> io::Result<TcpStream> {
    let connecting = timeout(CONNECT_LIMIT, TcpStream::connect(host)).await;
    let stream = connecting.map_err(|_| io::Error::new(ErrorKind::TimedOut, "no connection within 3 s"))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Datagrams to and from one server. Those of others are not taken.
#[derive(Debug)]
pub(crate) struct Datagrams {
    socket: UdpSocket,
    /// What came in one datagram and was not read yet.
    rest: VecDeque<u8>,
}

impl Datagrams {
    pub(super) async fn open(host: &str) -> io::Result<Datagrams> {
        let looking = timeout(CONNECT_LIMIT, lookup_host(host)).await;
        let mut found = looking.map_err(|_| io::Error::new(ErrorKind::TimedOut, "name not resolved within 3 s"))??;
        let none = || io::Error::new(ErrorKind::NotFound, "the name has no address");
        let server = found.next().ok_or_else(none)?;
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        Ok(Datagrams {
            socket,
            rest: VecDeque::new(),
        })
    }

    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let mut datagram = [0; MAX_DATAGRAM];
            let len = self.socket.recv(&mut datagram).await?;
            self.rest.extend(datagram.iter().take(len));
        }
        Ok(super::take_from(&mut self.rest, buffer))
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.send(bytes).await.map(drop)
    }
}
