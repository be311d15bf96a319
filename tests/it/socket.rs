//! A WebSocket to a station, as a client has it.

use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;
use tungstenite::client::IntoClientRequest;
use tungstenite::{HandshakeError, Message, WebSocket};

use crate::harness::{LIMIT, Station};

/// A live session.
pub(crate) struct Socket(WebSocket<TcpStream>);

impl Socket {
    pub(crate) fn open(station: &Station, subscribe: &Value) -> Socket {
        let mut socket = Socket::connect(station, "/ws");
        socket.send(&subscribe.to_string());
        socket
    }

    pub(crate) fn connect(station: &Station, path: &str) -> Socket {
        Socket::connect_as(station, path, &[]).expect("a WebSocket")
    }

    /// With headers; the status code where the service opens none.
    pub(crate) fn connect_as(station: &Station, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
        let stream = TcpStream::connect(&station.address).expect("connected");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        let url = format!("ws://{}{path}", station.address);
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Socket(socket)),
            Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).expect("sent");
    }

    /// The next frame; pings are answered on the way.
    pub(crate) fn next(&mut self) -> Value {
        self.next_or_close().expect("the session is open")
    }

    /// `None` once the service closes the session.
    pub(crate) fn next_or_close(&mut self) -> Option<Value> {
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            match self.0.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).expect("JSON")),
                Ok(Message::Close(_)) | Err(tungstenite::Error::ConnectionClosed) => return None,
                Ok(_) => {}
                Err(error) => panic!("session: {error}"),
            }
        }
        panic!("the session says nothing");
    }

    /// Reads on to an event of this type.
    pub(crate) fn event(&mut self, event_type: &str) -> Value {
        loop {
            let frame = self.next();
            if frame["event"]["type"] == event_type {
                return frame["event"].clone();
            }
        }
    }
}
