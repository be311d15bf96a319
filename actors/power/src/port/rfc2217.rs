//! A serial server whose line is set from here: Telnet with the COM port option (RFC 2217).
//!
//! Byte 255 is Telnet's own and is doubled in data. What the server wants to agree on besides is declined.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::net::connect;

/// How long the server may take to agree to the option, and to set the line.
const AGREE_LIMIT: Duration = Duration::from_secs(3);
/// Bytes read at once.
const CHUNK: usize = 512;
/// Longest parameter of an option that is looked at; those of this option have five bytes.
const MAX_PARAMETER: usize = 64;
/// Most bytes of answers that wait; who asks without a pause is not answered.
const MAX_REPLIES: usize = 256;

// RFC 854.
const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;
// RFC 856, RFC 858, RFC 2217.
const BINARY: u8 = 0;
const NO_GO_AHEAD: u8 = 3;
const COM_PORT: u8 = 44;
// RFC 2217, section 3: what a client says; the server answers with 100 more.
const SET_BAUD: u8 = 1;
const SET_REST: [[u8; 2]; 4] = [[2, 8], [3, 1], [4, 1], [5, 1]]; // 8 bits, no parity, 1 stop bit, no flow control
const PURGE_BOTH: [u8; 2] = [12, 3];
const BAUD_IS: u8 = SET_BAUD + 100;

/// Takes Telnet's own words out of what comes.
#[derive(Debug, Default)]
struct Telnet {
    at: At,
    parameter: Vec<u8>,
    data: VecDeque<u8>,
    replies: Vec<u8>,
    /// Whether the server knows the option; None until it has said so.
    agreed: Option<bool>,
    baud: Option<u32>,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    Data,
    Command,
    Option(u8),
    Parameter,
    ParameterCommand,
}

impl Telnet {
    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.at = match (self.at, *byte) {
                (At::Data, IAC) => At::Command,
                (At::Data, byte) | (At::Command, byte @ IAC) => {
                    self.data.push_back(byte);
                    At::Data
                }
                (At::Command, verb @ (DO | DONT | WILL | WONT)) => At::Option(verb),
                (At::Command, SB) => At::Parameter,
                (At::Command, _) => At::Data,
                (At::Option(verb), option) => {
                    self.agree(verb, option);
                    At::Data
                }
                (At::Parameter, IAC) => At::ParameterCommand,
                (At::Parameter, byte) | (At::ParameterCommand, byte @ IAC) => {
                    if self.parameter.len() < MAX_PARAMETER {
                        self.parameter.push(byte);
                    }
                    At::Parameter
                }
                (At::ParameterCommand, _) => {
                    self.told();
                    At::Data
                }
            };
        }
    }

    fn agree(&mut self, verb: u8, option: u8) {
        match (verb, option) {
            (DO, COM_PORT) => self.agreed = Some(true),
            (DONT, COM_PORT) => self.agreed = Some(false),
            (DO | WILL, BINARY | NO_GO_AHEAD) | (WILL, COM_PORT) => {}
            (DO | WILL, option) if self.replies.len() < MAX_REPLIES => {
                let no = if verb == DO { WONT } else { DONT };
                self.replies.extend([IAC, no, option]);
            }
            (_, _) => {}
        }
    }

    fn told(&mut self) {
        if let [COM_PORT, BAUD_IS, a, b, c, d] = *self.parameter {
            self.baud = Some(u32::from_be_bytes([a, b, c, d]));
        }
        self.parameter.clear();
    }
}

/// Data with its 255s doubled.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    let double = |byte: &u8| std::iter::repeat_n(*byte, if *byte == IAC { 2 } else { 1 });
    bytes.iter().flat_map(double).collect()
}

/// One wish about the line.
fn setting(parameter: &[u8]) -> Vec<u8> {
    [&[IAC, SB, COM_PORT], &*escaped(parameter), &[IAC, SE]].concat()
}

/// A line behind such a server.
#[derive(Debug)]
pub(crate) struct Rfc2217 {
    stream: TcpStream,
    telnet: Telnet,
}

impl Rfc2217 {
    pub(super) async fn open(host: &str, baud: u32) -> io::Result<Rfc2217> {
        let mut port = Rfc2217 {
            stream: connect(host).await?,
            telnet: Telnet::default(),
        };
        let agreeing = timeout(AGREE_LIMIT, port.set_up(baud)).await;
        agreeing.map_err(|_| io::Error::new(ErrorKind::TimedOut, "the server does not speak RFC 2217"))??;
        Ok(port)
    }

    async fn set_up(&mut self, baud: u32) -> io::Result<()> {
        let options = [
            (WILL, BINARY),
            (DO, BINARY),
            (WILL, NO_GO_AHEAD),
            (DO, NO_GO_AHEAD),
            (WILL, COM_PORT),
        ];
        let hello: Vec<u8> = options
            .into_iter()
            .flat_map(|(verb, option)| [IAC, verb, option])
            .collect();
        self.stream.write_all(&hello).await?;
        while self.telnet.agreed.is_none() {
            self.hear().await?;
        }
        if self.telnet.agreed == Some(false) {
            return Err(io::Error::new(ErrorKind::Unsupported, "the server declines RFC 2217"));
        }
        let mut wishes = setting(&[&[SET_BAUD], &baud.to_be_bytes()[..]].concat());
        SET_REST
            .iter()
            .chain([&PURGE_BOTH])
            .for_each(|wish| wishes.extend(setting(wish)));
        self.stream.write_all(&wishes).await?;
        let set = loop {
            match self.telnet.baud {
                Some(set) => break set,
                None => self.hear().await?,
            }
        };
        self.telnet.data.clear();
        if set == baud {
            return Ok(());
        }
        let reason = format!("the server sets the line to {set} baud instead of {baud}");
        Err(io::Error::new(ErrorKind::Unsupported, reason))
    }

    /// Takes in what comes next, and answers what has to be answered.
    async fn hear(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        let len = self.stream.read(&mut chunk).await?;
        if len == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server hung up"));
        }
        self.telnet.feed(chunk.get(..len).unwrap_or_default());
        // A full connection is not waited for: the server may ask again.
        if let Ok(written) = self.stream.try_write(&self.telnet.replies) {
            self.telnet.replies.drain(..written);
        }
        Ok(())
    }

    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.telnet.data.is_empty() {
            self.hear().await?;
        }
        Ok(super::take_from(&mut self.telnet.data, buffer))
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(&escaped(bytes)).await
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server that agrees, sets the line to `set` baud and returns what it is sent in upper case; gives what it was sent.
    fn server(set: u32) -> (String, thread::JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // It offers an option of its own (1, echo), then agrees.
            stream.write_all(&[IAC, WILL, 1, IAC, DO, COM_PORT]).unwrap();
            let mut heard = Vec::new();
            let mut chunk = [0; 256];
            let mut answered = false;
            while let Ok(len @ 1..) = stream.read(&mut chunk) {
                heard.extend_from_slice(&chunk[..len]);
                if !answered && heard.windows(4).any(|window| window == [COM_PORT, 12, 3, IAC]) {
                    answered = true;
                    let mut said = setting(&[&[BAUD_IS], &set.to_be_bytes()[..]].concat());
                    said.splice(0..0, *b"noise");
                    stream.write_all(&said).unwrap();
                }
                if heard.ends_with(b"?") {
                    stream.write_all(&[b'(', IAC, IAC, 0, b')']).unwrap();
                }
            }
            heard
        });
        (address, serving)
    }

    #[tokio::test]
    async fn line_behind_a_server_is_set_and_byte_255_goes_both_ways() {
        let (address, serving) = server(2400);
        let mut port = Rfc2217::open(&address, 2400).await.unwrap();
        port.write(&[IAC, b'?']).await.unwrap();
        let mut answer = Vec::new();
        while answer.len() < 4 {
            let mut chunk = [0; 8];
            let len = port.read(&mut chunk).await.unwrap();
            answer.extend_from_slice(&chunk[..len]);
        }
        assert_eq!(answer, [b'(', IAC, 0, b')'], "what came before the line was set is old");
        drop(port);
        let heard = serving.join().unwrap();
        let said = |wanted: &[u8]| heard.windows(wanted.len()).any(|window| window == wanted);
        assert!(
            said(&[IAC, SB, COM_PORT, SET_BAUD, 0, 0, 0x09, 0x60, IAC, SE]),
            "{heard:?}"
        );
        assert!(said(&[COM_PORT, 2, 8]) && said(&[COM_PORT, 3, 1]) && said(&[COM_PORT, 4, 1]));
        assert!(said(&[IAC, DONT, 1]), "the server's own option is declined");
        assert!(heard.ends_with(&[IAC, IAC, b'?']));
    }

    #[tokio::test]
    async fn server_that_sets_another_speed_is_refused() {
        let (address, serving) = server(9600);
        let refused = Rfc2217::open(&address, 2400).await.unwrap_err();
        assert!(refused.to_string().contains("9600"), "{refused}");
        serving.join().unwrap();
    }

    #[test]
    fn parameter_without_an_end_takes_no_room() {
        let mut telnet = Telnet::default();
        telnet.feed(&[IAC, SB]);
        telnet.feed(&vec![7; 100_000]);
        for _ in 0..10_000 {
            telnet.feed(&[IAC, SE, IAC, WILL, 9, IAC, SB]);
        }
        assert!(telnet.parameter.len() <= MAX_PARAMETER && telnet.replies.len() <= MAX_REPLIES + 3);
        assert!(telnet.data.is_empty());
    }
}
