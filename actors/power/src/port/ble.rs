//! A Bluetooth device: what is written to one of its characteristics is answered by notifications of another, or the same.
//!
//! The characteristics are chosen by what they can do. A notification carries as much as fits; where a frame ends is not
//! its affair. Fails with: a device that is not in reach, has left, or has no such characteristics.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::time::Duration;

use btleplug::api::bleuuid::uuid_from_u16;
use btleplug::api::{
    BDAddr, Central, CentralEvent, CharPropFlags, Characteristic, Manager as _, Peripheral as _, ScanFilter,
    ValueNotification, WriteType,
};
use btleplug::platform::{Adapter, Manager, Peripheral};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long it may take until a device is found, connected and has told what it can do.
const OPEN_LIMIT: Duration = Duration::from_secs(20);
/// How long a device is looked for; most make themselves heard once a second.
const SCAN_LIMIT: Duration = Duration::from_secs(8);
/// Bytes of a packet that carry no data.
const OVERHEAD: usize = 3;
/// What fits into the smallest packet.
const LEAST: usize = 20;
/// Services of batteries, the likeliest first: JK, Daly, JBD.
const SERVICES: [u16; 3] = [0xFFE0, 0xFFF0, 0xFF00];

/// The way to the system's Bluetooth service. One device is looked for and connected at a time: a radio does either.
static RADIO: Mutex<Option<Manager>> = Mutex::const_new(None);

type Events<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// A connected device.
pub(crate) struct Ble {
    peripheral: Peripheral,
    writer: Characteristic,
    notifier: Characteristic,
    notifications: Events<ValueNotification>,
    events: Events<CentralEvent>,
    /// Bytes that fit into a packet.
    piece: usize,
    rest: VecDeque<u8>,
}

impl fmt::Debug for Ble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ble")
            .field("device", &self.peripheral.id())
            .finish_non_exhaustive()
    }
}

impl Ble {
    pub(super) async fn open(address: [u8; 6]) -> io::Result<Ble> {
        let opening = timeout(OPEN_LIMIT, connect(address.into())).await;
        let late = || io::Error::new(ErrorKind::TimedOut, "no connection within 20 s");
        opening.unwrap_or_else(|_| Err(late()))
    }

    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            tokio::select! {
                biased;
                notification = self.notifications.next() => self.notified(notification)?,
                event = self.events.next() => self.happened(event)?,
            }
        }
        Ok(super::take_from(&mut self.rest, buffer))
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let kind = if self.writer.properties.contains(CharPropFlags::WRITE_WITHOUT_RESPONSE) {
            WriteType::WithoutResponse
        } else {
            WriteType::WithResponse
        };
        for piece in bytes.chunks(self.piece) {
            self.peripheral.write(&self.writer, piece, kind).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Takes out everything that has come: a battery may talk by itself, many times between two questions.
    pub(super) fn discard(&mut self) -> io::Result<()> {
        while let Some(event) = self.events.next().now_or_never() {
            self.happened(event)?;
        }
        while let Some(notification) = self.notifications.next().now_or_never() {
            self.notified(notification)?;
            self.rest.clear();
        }
        self.rest.clear();
        Ok(())
    }

    fn notified(&mut self, notification: Option<ValueNotification>) -> io::Result<()> {
        let notification = notification.ok_or_else(gone)?;
        if notification.uuid == self.notifier.uuid {
            self.rest.extend(notification.value);
        }
        Ok(())
    }

    fn happened(&self, event: Option<CentralEvent>) -> io::Result<()> {
        match event {
            Some(CentralEvent::DeviceDisconnected(id)) if id == self.peripheral.id() => Err(gone()),
            Some(_) => Ok(()),
            None => Err(gone()),
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(ErrorKind::ConnectionReset, "the Bluetooth device has left")
}

fn failed(error: btleplug::Error) -> io::Error {
    io::Error::other(error)
}

async fn connect(address: BDAddr) -> io::Result<Ble> {
    let mut radio = RADIO.lock().await;
    // Put back once it has proved to work: the system's service may have been started anew.
    let manager = match radio.take() {
        Some(manager) => manager,
        None => Manager::new().await.map_err(failed)?,
    };
    let adapters = manager.adapters().await.map_err(failed)?;
    *radio = Some(manager);
    let none = || io::Error::new(ErrorKind::NotFound, "this computer has no Bluetooth");
    let adapter = adapters.first().ok_or_else(none)?;
    let events = adapter.events().await.map_err(failed)?;
    let peripheral = match known(adapter, address).await? {
        Some(peripheral) => peripheral,
        None => scan(adapter, address).await?,
    };
    // What is left of an earlier connection has our old notifications.
    if peripheral.is_connected().await.map_err(failed)? {
        peripheral.disconnect().await.map_err(failed)?;
    }
    peripheral.connect().await.map_err(failed)?;
    let device = subscribe(peripheral.clone(), events).await;
    if device.is_err() && peripheral.disconnect().await.is_err() {
        tracing::debug!(device = %address, "not disconnected");
    }
    device
}

async fn subscribe(peripheral: Peripheral, mut events: Events<CentralEvent>) -> io::Result<Ble> {
    peripheral.discover_services().await.map_err(failed)?;
    let chosen = choose(&peripheral.characteristics());
    let none = || {
        io::Error::new(
            ErrorKind::Unsupported,
            "the Bluetooth device has nothing to write to and be notified by",
        )
    };
    let (notifier, writer) = chosen.ok_or_else(none)?;
    let notifications = peripheral.notifications().await.map_err(failed)?;
    peripheral.subscribe(&notifier).await.map_err(failed)?;
    // What was told so far is of an earlier connection.
    while events.next().now_or_never().is_some_and(|event| event.is_some()) {}
    Ok(Ble {
        piece: usize::from(peripheral.mtu()).saturating_sub(OVERHEAD).max(LEAST),
        peripheral,
        writer,
        notifier,
        notifications,
        events,
        rest: VecDeque::new(),
    })
}

/// The device, if the system has heard of it.
async fn known(adapter: &Adapter, address: BDAddr) -> io::Result<Option<Peripheral>> {
    let peripherals = adapter.peripherals().await.map_err(failed)?;
    Ok(peripherals
        .into_iter()
        .find(|peripheral| peripheral.address() == address))
}

async fn scan(adapter: &Adapter, address: BDAddr) -> io::Result<Peripheral> {
    let mut events = adapter.events().await.map_err(failed)?;
    adapter.start_scan(ScanFilter::default()).await.map_err(failed)?;
    let finding = timeout(SCAN_LIMIT, async {
        loop {
            if let Some(found) = known(adapter, address).await? {
                return Ok(found);
            }
            events.next().await.ok_or_else(gone)?;
        }
    });
    let found = finding.await;
    if let Err(error) = adapter.stop_scan().await {
        tracing::debug!(%error, "scan not stopped");
    }
    found.unwrap_or_else(|_| {
        Err(io::Error::new(
            ErrorKind::NotFound,
            "the Bluetooth device is not in reach",
        ))
    })
}

/// What to be notified by, and what to write to: both of one service, by what they can do.
fn choose(all: &BTreeSet<Characteristic>) -> Option<(Characteristic, Characteristic)> {
    let known = SERVICES.map(uuid_from_u16);
    let mut services: Vec<_> = all.iter().map(|one| one.service_uuid).collect();
    services.dedup();
    services.sort_by_key(|service| known.iter().position(|known| known == service).unwrap_or(known.len()));
    services.into_iter().find_map(|service| {
        let can = |what: CharPropFlags| {
            let here = all.iter().filter(move |one| one.service_uuid == service);
            here.filter(move |one| one.properties.intersects(what))
        };
        let notifier = can(CharPropFlags::NOTIFY | CharPropFlags::INDICATE).next()?;
        let writes = CharPropFlags::WRITE_WITHOUT_RESPONSE | CharPropFlags::WRITE;
        let both = can(writes).find(|one| one.uuid == notifier.uuid);
        let writer = both
            .or_else(|| can(CharPropFlags::WRITE_WITHOUT_RESPONSE).next())
            .or_else(|| can(writes).next())?;
        Some((notifier.clone(), writer.clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTIFY: CharPropFlags = CharPropFlags::NOTIFY;
    const WRITE: CharPropFlags = CharPropFlags::WRITE_WITHOUT_RESPONSE;

    fn chosen(characteristics: &[(u16, u16, CharPropFlags)]) -> Option<(u16, u16)> {
        let one = |(service, uuid, properties): &(u16, u16, CharPropFlags)| Characteristic {
            uuid: uuid_from_u16(*uuid),
            service_uuid: uuid_from_u16(*service),
            properties: *properties,
            descriptors: BTreeSet::new(),
        };
        let short = |one: &Characteristic| one.uuid.as_fields().0.try_into().unwrap();
        let (notifier, writer) = choose(&characteristics.iter().map(one).collect())?;
        Some((short(&notifier), short(&writer)))
    }

    #[test]
    fn characteristics_are_chosen_by_what_they_can_do() {
        assert_eq!(chosen(&[(0xFFE0, 0xFFE1, NOTIFY | WRITE)]), Some((0xFFE1, 0xFFE1)));
        assert_eq!(
            chosen(&[(0xFFE0, 0xFFE2, WRITE), (0xFFE0, 0xFFE3, NOTIFY)]),
            Some((0xFFE3, 0xFFE2))
        );
        let daly = [
            (0x1801, 0x2A05, CharPropFlags::INDICATE),
            (0xFFF0, 0xFFF1, NOTIFY),
            (0xFFF0, 0xFFF2, CharPropFlags::WRITE),
        ];
        assert_eq!(chosen(&daly), Some((0xFFF1, 0xFFF2)));
    }

    #[test]
    fn device_without_a_pair_in_one_service_is_none() {
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[(0xFFE0, 0xFFE1, NOTIFY), (0xFFF0, 0xFFF2, WRITE)]), None);
    }
}
