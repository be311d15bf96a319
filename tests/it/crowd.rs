//! Many WebSocket clients on one thread, light enough to run beside the service that they listen to.
//!
//! Each checks what it is told: positions only ever rise, a `lagged` is noted, and a digest over all events tells whether two
//! clients were told the same. [`Crowd::end`] asks what each has seen.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;

/// A client's key in the handshake; the service has nothing to guess.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Clients of a crowd that knock at a time.
const AT_THE_DOOR: usize = 64;

/// How much a slow client reads at a time, in bytes.
const SIP_BYTES: usize = 2048;

/// What an event's frame begins with.
const EVENT: &[u8] = br#"{"event":{"seq":"#;

/// What the frame of a gap begins with.
const LAGGED: &[u8] = br#"{"lagged":"#;

/// How a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As fast as it can.
    Reads,
    /// A sip, then a pause.
    Sips(Duration),
    /// Not at all.
    Never,
}

/// What a client has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Events.
    pub(crate) events: usize,
    /// Position of the last one.
    pub(crate) newest: u64,
    /// Over the positions of all events, in order.
    pub(crate) digest: u64,
    /// Gaps that it was told of.
    pub(crate) lagged: usize,
    /// Whether a position came that did not rise.
    pub(crate) disorder: bool,
    /// Whether the service ended the session.
    pub(crate) closed: bool,
    /// From the moment in the calendar until the event came, in microseconds.
    pub(crate) late_us: Vec<u32>,
}

/// When that was written which the events tell of: the n-th entry belongs to the n-th event since the crowd came.
#[derive(Clone, Default)]
pub(crate) struct Calendar(Arc<Mutex<Vec<Instant>>>);

impl Calendar {
    /// The next `events` are under way.
    #[allow(dead_code, reason = "time is measured in the benches only")]
    pub(crate) fn note(&self, events: usize) {
        self.0.lock().extend(std::iter::repeat_n(Instant::now(), events));
    }

    fn get(&self, event: usize) -> Option<Instant> {
        self.0.lock().get(event).copied()
    }
}

/// Who comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guests<'a> {
    pub(crate) count: usize,
    pub(crate) manner: Manner,
    /// What each subscribes to.
    pub(crate) subscribe: &'a str,
    /// How many events each waits for.
    pub(crate) goal: usize,
}

/// The clients of one thread.
pub(crate) struct Crowd {
    thread: Option<JoinHandle<Vec<Seen>>>,
    progress: Arc<Progress>,
    size: usize,
    leave: watch::Sender<bool>,
}

impl Crowd {
    /// The guests knock and subscribe, and from then on read in their manner.
    pub(crate) fn gather(address: &str, guests: Guests<'_>, calendar: &Calendar) -> Crowd {
        let station = address.parse().expect("an address");
        let leave = watch::Sender::new(false);
        let progress = Arc::new(Progress::default());
        let guest = Guest {
            station,
            manner: guests.manner,
            hello: frame(0x1, subscription(guests.subscribe).as_bytes()),
            goal: guests.goal,
            calendar: calendar.clone(),
            progress: Arc::clone(&progress),
            leave: leave.subscribe(),
        };
        let size = guests.count;
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let door = tokio::sync::Semaphore::new(AT_THE_DOOR);
                join_all((0..size).map(|_| guest.visit(&door))).await
            })
        });
        Crowd {
            thread: Some(thread),
            progress,
            size,
            leave,
        }
    }

    /// Whether all have their snapshot.
    pub(crate) fn is_seated(&self) -> bool {
        self.progress.seated.load(Ordering::Acquire) == self.size
    }

    /// Whether all have had the events that they wait for.
    pub(crate) fn is_content(&self) -> bool {
        self.progress.content.load(Ordering::Acquire) == self.size
    }

    /// Everybody leaves and says what they have seen.
    pub(crate) fn end(mut self) -> Vec<Seen> {
        self.leave.send_replace(true);
        let thread = self.thread.take().expect("not ended yet");
        thread.join().expect("the crowd's thread")
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.leave.send_replace(true);
    }
}

/// How many of a crowd have come how far.
#[derive(Default)]
struct Progress {
    seated: AtomicUsize,
    content: AtomicUsize,
}

/// What all clients of a crowd have in common.
struct Guest {
    station: SocketAddr,
    manner: Manner,
    hello: Vec<u8>,
    goal: usize,
    calendar: Calendar,
    progress: Arc<Progress>,
    leave: watch::Receiver<bool>,
}

impl Guest {
    async fn visit(&self, door: &tokio::sync::Semaphore) -> Seen {
        let mut seen = Seen::default();
        let mut leave = self.leave.clone();
        tokio::select! {
            ended = self.listen(door, &mut seen) => seen.closed = ended.is_err(),
            _ = leave.wait_for(|leave| *leave) => {}
        }
        seen
    }

    /// Ends with an error when the session does, never otherwise.
    async fn listen(&self, door: &tokio::sync::Semaphore, seen: &mut Seen) -> io::Result<()> {
        let (mut stream, mut unread) = {
            let _turn = door.acquire().await.expect("an open door");
            let mut stream = connect(self.station).await?;
            let unread = shake_hands(&mut stream, self.station).await?;
            stream.write_all(&self.hello).await?;
            (stream, unread)
        };
        let mut is_seated = false;
        loop {
            let before = unread.len();
            while let Some((opcode, payload, rest)) = split(&unread) {
                match opcode {
                    0x1 => self.hear(&unread[payload], seen),
                    0x9 => stream.write_all(&frame(0xA, &unread[payload])).await?,
                    0x8 => return Err(io::ErrorKind::ConnectionAborted.into()),
                    _ => {}
                }
                unread.drain(..rest);
            }
            if !is_seated && unread.len() < before {
                is_seated = true;
                self.progress.seated.fetch_add(1, Ordering::Release);
            }
            let read = match self.manner {
                Manner::Never if is_seated => std::future::pending().await,
                Manner::Sips(pause) if is_seated => {
                    tokio::time::sleep(pause).await;
                    let mut sip = [0; SIP_BYTES];
                    let read = stream.read(&mut sip).await?;
                    unread.extend_from_slice(&sip[..read]);
                    read
                }
                Manner::Reads | Manner::Sips(_) | Manner::Never => stream.read_buf(&mut unread).await?,
            };
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn hear(&self, text: &[u8], seen: &mut Seen) {
        if text.starts_with(LAGGED) {
            seen.lagged += 1;
        }
        let Some(rest) = text.strip_prefix(EVENT) else {
            return;
        };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        let seq = digits.fold(0, |seq: u64, digit| seq * 10 + u64::from(digit - b'0'));
        if let Some(written) = self.calendar.get(seen.events) {
            seen.late_us
                .push(u32::try_from(written.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        seen.events += 1;
        seen.disorder |= seq <= seen.newest;
        seen.newest = seq;
        seen.digest = digest(seen.digest, seq);
        if seen.events == self.goal {
            self.progress.content.fetch_add(1, Ordering::Release);
        }
    }
}

fn subscription(pattern: &str) -> String {
    format!(r#"{{"subscribe":["{pattern}"]}}"#)
}

/// One more position.
pub(crate) fn digest(before: u64, seq: u64) -> u64 {
    (before ^ seq).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
}

async fn connect(station: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((IpAddr::V4(Ipv4Addr::LOCALHOST), 0).into())?;
    socket.connect(station).await
}

/// What came behind the answer.
async fn shake_hands(stream: &mut TcpStream, station: SocketAddr) -> io::Result<Vec<u8>> {
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {station}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            if !answer.starts_with(b"HTTP/1.1 101") {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            answer.drain(..end + 4);
            return Ok(answer);
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The first frame: its opcode, where its payload is, and where the next one begins. `None` while it is not whole.
fn split(bytes: &[u8]) -> Option<(u8, std::ops::Range<usize>, usize)> {
    let (opcode, short) = (bytes.first()? & 0x0F, bytes.get(1)? & 0x7F);
    let (head, length) = match short {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (10, usize::try_from(length).ok()?)
        }
        short => (2, usize::from(short)),
    };
    (bytes.len() >= head + length).then_some((opcode, head..head + length, head + length))
}

/// A frame as a client sends it, masked with nothing.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend(u64::try_from(payload.len()).expect("a length").to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
