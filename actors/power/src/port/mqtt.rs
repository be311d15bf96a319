//! A device behind a broker, as mpp-solar has it: a command is published on `NAME/command`, its answer comes on `NAME/result`.
//!
//! Owns: the connection, driven by a task that ends with the port. Fails with: the end of the connection.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::protocol::bytes_of_hex;

/// How long the broker may take to accept us and the subscription.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How often the broker is told that we are there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Largest message that is taken: the longest frame, twice for its digits, and the words around it.
const MAX_PACKET: usize = 8 * 1024;
/// Messages under way, both ways.
const QUEUE: usize = 16;

/// What is published.
#[derive(Debug, Serialize)]
struct Asked<'a> {
    command: &'a str,
    command_hex: String,
}

/// What comes back.
#[derive(Debug, Deserialize)]
struct Answered {
    command: Option<String>,
    result: String,
}

/// Commands and results of one device.
#[derive(Debug)]
pub(crate) struct Messages {
    client: AsyncClient,
    topic: String,
    /// Which command was asked for last.
    asked: String,
    results: mpsc::Receiver<Vec<u8>>,
    rest: VecDeque<u8>,
    /// Held for its drop.
    _driver: JoinSet<()>,
}

impl Messages {
    pub(super) async fn open(broker: &(String, u16), name: &str) -> io::Result<Messages> {
        let (host, port) = broker;
        // A name of its own: two clients of one name would push each other out.
        let id = format!("stationd-power-{:016x}", RandomState::new().hash_one(name));
        let mut options = MqttOptions::new(id, host, *port);
        options.set_keep_alive(KEEP_ALIVE).set_clean_session(true);
        options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
        let (client, mut events) = AsyncClient::new(options, QUEUE);
        let result = format!("{name}/result");
        client
            .try_subscribe(&result, QoS::AtLeastOnce)
            .map_err(io::Error::other)?;
        let connecting = timeout(CONNECT_LIMIT, subscribed(&mut events)).await;
        connecting.map_err(|_| io::Error::new(ErrorKind::TimedOut, "no subscription within 5 s"))??;
        let (sender, results) = mpsc::channel(QUEUE);
        let mut driver = JoinSet::new();
        driver.spawn(drive(events, sender));
        Ok(Messages {
            client,
            topic: format!("{name}/command"),
            asked: String::new(),
            results,
            rest: VecDeque::new(),
            _driver: driver,
        })
    }

    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let message = self.results.recv().await;
            let ended = || io::Error::new(ErrorKind::ConnectionReset, "the connection to the broker ended");
            self.rest.extend(result(&message.ok_or_else(ended)?, &self.asked));
        }
        Ok(super::take_from(&mut self.rest, buffer))
    }

    pub(super) fn write(&mut self, bytes: &[u8], code: &str) -> io::Result<()> {
        code.clone_into(&mut self.asked);
        let asked = Asked {
            command: code,
            command_hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        let payload = serde_json::to_vec(&asked)?;
        let sent = self.client.try_publish(&self.topic, QoS::AtLeastOnce, false, payload);
        sent.map_err(io::Error::other)
    }
}

/// The bytes of a result; none of one that answers another command or cannot be read.
fn result(message: &[u8], asked: &str) -> Vec<u8> {
    let Ok(Answered { command, result }) = serde_json::from_slice(message) else {
        return Vec::new();
    };
    let is_ours = command.is_none_or(|command| command == asked);
    let bytes = is_ours.then(|| bytes_of_hex(result.trim())).flatten();
    bytes.unwrap_or_default()
}

async fn subscribed(events: &mut EventLoop) -> io::Result<()> {
    loop {
        if let Event::Incoming(Packet::SubAck(_)) = events.poll().await.map_err(io::Error::other)? {
            return Ok(());
        }
    }
}

/// Keeps the connection going until it ends. A result that nobody has taken off in time makes way.
async fn drive(mut events: EventLoop, results: mpsc::Sender<Vec<u8>>) {
    while let Ok(event) = events.poll().await {
        if let Event::Incoming(Packet::Publish(message)) = event
            && !message.retain
            && results.try_send(message.payload.to_vec()).is_err()
        {
            tracing::debug!(topic = message.topic, "result not taken");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_of_another_command_or_without_sense_is_passed_over() {
        assert_eq!(result(br#"{"command":"QPI","result":"28504933"}"#, "QPI"), b"(PI3");
        assert_eq!(result(br#"{"result":"28"}"#, "QPI"), b"(");
        for other in [
            &br#"{"command":"QMOD","result":"28"}"#[..],
            br#"{"command":"QPI","result":"2"}"#,
            br#"{"command":"QPI"}"#,
            b"",
            b"\xff",
        ] {
            assert_eq!(result(other, "QPI"), b"");
        }
    }
}
