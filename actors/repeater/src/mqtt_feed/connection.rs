//! One connection to a broker, MQTT 5 or 3.1.1 alike: what arrives, and what is acknowledged.
//!
//! The only file that knows the client library. Messages are subscribed to with QoS 1 (the host publishes with QoS 2)
//! and acknowledged one by one, by whoever has stored them; the session at the broker outlives the connection. A
//! connection that is lost is not repaired but opened anew, so that nothing of it is left over.

use std::fs;
use std::net::Ipv6Addr;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{TlsConfiguration, Transport, v5};

use super::tls;
use crate::config::{MqttConfig, MqttVersion};

/// Largest packet that is taken, in bytes: a log line has 500, a JSON message some hundred.
const MAX_PACKET: u32 = 64 * 1024;
/// Messages that a broker may send before it gets an acknowledgement (MQTT 5; 3.1.1 leaves it to the broker).
const RECEIVE_MAXIMUM: u16 = 64;
/// How long the broker is asked to keep the session while we are away, in seconds: a week.
const SESSION_EXPIRY_S: u32 = 7 * 24 * 3600;
/// Requests that fit into the library's queue: an acknowledgement for each packet id there is, and the subscription.
const REQUESTS: usize = 65_536;
/// What we publish that waits for an acknowledgement: nothing. The library makes a place for each.
const OUTGOING: u16 = 1;
/// Longest password file that is read, in bytes; MQTT ends there.
const MAX_PASSWORD: u64 = 65_535;

/// What a connection tells.
pub(super) enum Happening {
    /// The broker accepted us; messages may come from now on.
    Connected,
    /// The broker accepted the subscription.
    Subscribed,
    /// A message.
    Message(Message),
    /// Nothing of interest.
    Nothing,
}

/// A message, and what it takes to acknowledge it.
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    /// It was kept by the broker; hosts do not ask for that, and nobody knows how old it is.
    pub(super) retained: bool,
    pub(super) receipt: Receipt,
}

/// What acknowledges a message.
pub(super) enum Receipt {
    /// Sent once, and to be lost.
    None,
    V4(Box<rumqttc::Publish>),
    V5(Box<v5::mqttbytes::v5::Publish>),
}

/// The end of a connection.
#[derive(Debug)]
pub(super) struct Lost {
    /// In words.
    pub(super) reason: String,
    /// The broker sent what cannot be read, and would send it again in the same session.
    pub(super) unreadable: bool,
}

impl Lost {
    pub(super) fn new(reason: impl ToString) -> Lost {
        Lost {
            reason: reason.to_string(),
            unreadable: false,
        }
    }
}

/// The receiving half.
pub(super) enum Incoming {
    V4(Box<rumqttc::EventLoop>),
    V5(Box<v5::EventLoop>),
}

/// The sending half.
pub(super) enum Outgoing {
    V4(rumqttc::AsyncClient),
    V5(v5::AsyncClient),
}

/// Makes a connection, which begins when it is asked for what happens. *Blocking*: reads files.
///
/// `clean` gives up the session that the broker has kept.
pub(super) fn open(config: &MqttConfig, client_id: &str, clean: bool) -> Result<(Outgoing, Incoming), Lost> {
    let login = login(config)?;
    let tls = config.tls.then(|| tls::client(config)).transpose().map_err(Lost::new)?;
    let transport = tls.map(|tls| Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
    let keep_alive = Duration::from_secs(config.keep_alive_s.into());
    Ok(match config.version {
        MqttVersion::V311 => {
            let mut options = rumqttc::MqttOptions::new(client_id, address(&config.host), config.port);
            let packet = usize::try_from(MAX_PACKET).unwrap_or(usize::MAX);
            options
                .set_keep_alive(keep_alive)
                .set_clean_session(clean)
                .set_manual_acks(true);
            options.set_max_packet_size(packet, packet).set_inflight(OUTGOING);
            login.map(|(user, password)| options.set_credentials(user, password));
            transport.map(|transport| options.set_transport(transport));
            let (client, events) = rumqttc::AsyncClient::new(options, REQUESTS);
            (Outgoing::V4(client), Incoming::V4(Box::new(events)))
        }
        MqttVersion::V5 => {
            let mut options = v5::MqttOptions::new(client_id, address(&config.host), config.port);
            options
                .set_keep_alive(keep_alive)
                .set_clean_start(clean)
                .set_manual_acks(true);
            options.set_session_expiry_interval(Some(SESSION_EXPIRY_S));
            options
                .set_receive_maximum(Some(RECEIVE_MAXIMUM))
                .set_max_packet_size(Some(MAX_PACKET));
            options.set_outgoing_inflight_upper_limit(OUTGOING);
            login.map(|(user, password)| options.set_credentials(user, password));
            transport.map(|transport| options.set_transport(transport));
            let (client, events) = v5::AsyncClient::new(options, REQUESTS);
            (Outgoing::V5(client), Incoming::V5(Box::new(events)))
        }
    })
}

/// The library puts the port behind a colon.
fn address(host: &str) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    }
}

/// User and password; the file is read each time, so that a password can be changed while the station runs.
fn login(config: &MqttConfig) -> Result<Option<(String, String)>, Lost> {
    if config.username.is_empty() {
        return Ok(None);
    }
    let file = &config.password_file;
    if file.as_os_str().is_empty() {
        return Ok(Some((config.username.clone(), config.password.reveal().to_owned())));
    }
    let problem =
        |reason: &dyn ToString| Lost::new(format!("password_file {}: {}", file.display(), reason.to_string()));
    let length = fs::metadata(file).map_err(|error| problem(&error))?.len();
    if length > MAX_PASSWORD {
        return Err(problem(&"too long for a password"));
    }
    let text = fs::read_to_string(file).map_err(|error| problem(&error))?;
    let password = text.lines().next().unwrap_or_default();
    Ok(Some((config.username.clone(), password.to_owned())))
}

impl Outgoing {
    /// Asks for these topics. Does not wait: the queue holds more than can be under way.
    pub(super) fn subscribe(&self, topics: &[String]) -> Result<(), Lost> {
        let topics = topics.iter().cloned();
        match self {
            Outgoing::V4(client) => {
                let filters = topics.map(|topic| rumqttc::SubscribeFilter::new(topic, rumqttc::QoS::AtLeastOnce));
                client.try_subscribe_many(filters).map_err(Lost::new)
            }
            Outgoing::V5(client) => {
                let qos = v5::mqttbytes::QoS::AtLeastOnce;
                let filters = topics.map(|topic| v5::mqttbytes::v5::Filter::new(topic, qos));
                client.try_subscribe_many(filters).map_err(Lost::new)
            }
        }
    }

    /// Acknowledges a message. One that cannot be is sent again by the broker, and known again.
    pub(super) fn acknowledge(&self, receipt: &Receipt) {
        let sent = match (self, receipt) {
            (Outgoing::V4(client), Receipt::V4(publish)) => client.try_ack(publish).map_err(Lost::new),
            (Outgoing::V5(client), Receipt::V5(publish)) => client.try_ack(publish).map_err(Lost::new),
            (Outgoing::V4(_) | Outgoing::V5(_), Receipt::None | Receipt::V4(_) | Receipt::V5(_)) => Ok(()),
        };
        if let Err(Lost { reason, .. }) = sent {
            tracing::debug!(%reason, "not acknowledged");
        }
    }
}

impl Incoming {
    /// What happens next.
    pub(super) async fn next(&mut self) -> Result<Happening, Lost> {
        match self {
            Incoming::V4(events) => events.poll().await.map_err(lost_v4).and_then(of_v4),
            Incoming::V5(events) => events.poll().await.map_err(lost_v5).and_then(of_v5),
        }
    }
}

fn lost_v4(error: rumqttc::ConnectionError) -> Lost {
    use rumqttc::{ConnectionError, StateError};
    Lost {
        reason: error.to_string(),
        unreadable: matches!(error, ConnectionError::MqttState(StateError::Deserialization(_))),
    }
}

fn lost_v5(error: v5::ConnectionError) -> Lost {
    use v5::{ConnectionError, StateError};
    let unreadable = matches!(
        error,
        ConnectionError::MqttState(StateError::Deserialization(_) | StateError::IncomingPacketTooLarge { .. })
    );
    Lost {
        reason: error.to_string(),
        unreadable,
    }
}

fn of_v4(event: rumqttc::Event) -> Result<Happening, Lost> {
    use rumqttc::{Event, Packet, QoS, SubscribeReasonCode};
    Ok(if let Event::Incoming(Packet::Publish(mut publish)) = event {
        Happening::Message(Message {
            topic: std::mem::take(&mut publish.topic),
            payload: std::mem::take(&mut publish.payload),
            retained: publish.retain,
            receipt: if publish.qos == QoS::AtMostOnce {
                Receipt::None
            } else {
                Receipt::V4(Box::new(publish))
            },
        })
    } else if let Event::Incoming(Packet::ConnAck(_)) = event {
        Happening::Connected
    } else if let Event::Incoming(Packet::SubAck(answer)) = event {
        let refused = |code: &SubscribeReasonCode| matches!(code, SubscribeReasonCode::Failure);
        subscribed(answer.return_codes.iter().any(refused))?
    } else {
        Happening::Nothing
    })
}

fn of_v5(event: v5::Event) -> Result<Happening, Lost> {
    use v5::Event;
    use v5::mqttbytes::QoS;
    use v5::mqttbytes::v5::{Packet, SubscribeReasonCode};
    Ok(if let Event::Incoming(Packet::Publish(mut publish)) = event {
        Happening::Message(Message {
            topic: String::from_utf8_lossy(&std::mem::take(&mut publish.topic)).into_owned(),
            payload: std::mem::take(&mut publish.payload),
            retained: publish.retain,
            receipt: if publish.qos == QoS::AtMostOnce {
                Receipt::None
            } else {
                Receipt::V5(Box::new(publish))
            },
        })
    } else if let Event::Incoming(Packet::ConnAck(_)) = event {
        Happening::Connected
    } else if let Event::Incoming(Packet::SubAck(answer)) = event {
        let refused = |code: &SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
        subscribed(answer.return_codes.iter().any(refused))?
    } else {
        Happening::Nothing
    })
}

fn subscribed(refused: bool) -> Result<Happening, Lost> {
    if refused {
        return Err(Lost::new("the broker refuses the subscription"));
    }
    Ok(Happening::Subscribed)
}
