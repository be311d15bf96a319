//! `/ws`: one session actor a WebSocket. **The only file that knows `actix-web-actors`**, which is frozen upstream.
//!
//! ```text
//! Open --subscribe--> Following --subscribe--> Following (anew)      bad message: told, stays
//!   any --close | silent 20 s | talks too much | server stops | frame over 64 KiB--> Closed
//! ```
//!
//! A session sends no more than [`CREDIT_BYTES`] ahead of what its client has acknowledged: pings carry how much was sent
//! before them, and a pong says that it was read. So a slow client is seen to be alive, one that never reads costs a known
//! amount, and the response stream, which drives the actor and its timers, never waits for a full socket.
//! **Invariant:** nobody sends to a session's mailbox, which has no bound; a session pulls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, SpawnHandle, StreamHandler, WrapFuture};
use actix_web::web::{Data, Payload, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use actix_web_actors::ws::{self, CloseCode, CloseReason, Message, ProtocolError, WebsocketContext};
use bytestring::ByteString;
use futures_util::stream::{LocalBoxStream, Stream, StreamExt};
use model::Subscribe;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Api;
use super::clients::Refusal;
use super::feed::{Feed, Frame};
use super::frames;
use super::problem::{Kind, Problem};

/// Largest frame that a client may send, in bytes. A subscription needs a few hundred.
const MAX_FRAME_BYTES: usize = 64 * 1024;

/// Sent ahead of the client's acknowledgement at most, in bytes. Less than the socket's buffer takes ([`super::listen`]).
const CREDIT_BYTES: u32 = 128 * 1024;

/// Sent without asking for an acknowledgement at most, in bytes: a part of the credit, so that a client that reads never waits.
const ASK_EVERY_BYTES: u64 = 32 * 1024;

/// Pause between pings on a quiet socket; keeps proxies from closing it.
const PING_EVERY: Duration = Duration::from_secs(8);

/// A client that says nothing for this long, not even a pong, is gone. Noticed with the next ping.
const SILENT_LIMIT: Duration = Duration::from_secs(20);

/// Pause between two messages of a client who talks all the time. One that subscribes says a word an hour.
const MESSAGE_EVERY: Duration = Duration::from_millis(50);

/// Messages that a client may send at once beyond that.
const MESSAGE_BURST: u32 = 100;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(resource("/ws").get(open));
}

/// Opens a session. Send `{"subscribe":["repeater.*"],"since":42}`.
#[utoipa::path(get, path = "/ws", operation_id = "open_socket", tag = "live", responses(
    (status = 101, description = "A WebSocket: the client sends `Subscribe`, the service sends `Frame`s", body = Frame),
    (status = 400, description = "Not a WebSocket handshake", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many sessions", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn open(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, actix_web::Error> {
    Session::new(&api, Talk::Subscribes)?.start(&request, payload)
}

/// Opens a session that follows `lines` from the start; nothing that its client says is heeded.
pub(super) fn follow(
    api: &Api,
    request: &HttpRequest,
    payload: Payload,
    lines: impl Stream<Item = String> + 'static,
) -> Result<HttpResponse, actix_web::Error> {
    Session::new(api, Talk::Listens(Some(lines.map(ByteString::from).boxed_local())))?.start(request, payload)
}

/// What is sent: one text frame.
struct Line(ByteString);

/// Who says what the session follows.
enum Talk {
    /// The client, by `Subscribe`.
    Subscribes,
    /// The path that it opened; until the start, the lines themselves.
    Listens(Option<LocalBoxStream<'static, ByteString>>),
}

struct Session {
    api: Api,
    talk: Talk,
    feed: Option<SpawnHandle>,
    heard: Instant,
    patience: Patience,
    credit: Credit,
    #[expect(dead_code, reason = "held for its drop: the seat is free again")]
    seat: OwnedSemaphorePermit,
}

impl Actor for Session {
    type Context = WebsocketContext<Session>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Talk::Listens(lines) = &mut self.talk {
            let credit = &self.credit;
            self.feed = lines.take().map(|lines| ctx.add_stream(credit.spent_by(lines)));
        }
        ctx.run_interval(PING_EVERY, |session, ctx| {
            if session.heard.elapsed() > SILENT_LIMIT {
                session.throw_out(ctx, Refusal::Silence, CloseCode::Policy, "silent for too long");
            } else {
                session.credit.ask(ctx);
            }
        });
        let closing = self.api.closing();
        ctx.spawn(
            closing
                .into_actor(self)
                .map(|(), _, ctx| leave(ctx, CloseCode::Away, "the server stops")),
        );
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Session {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        self.heard = Instant::now();
        let news = matches!(&message, Ok(Message::Pong(payload)) if self.credit.acknowledge(payload));
        if !news && !self.patience.bears(self.heard) {
            return self.throw_out(ctx, Refusal::Chatter, CloseCode::Policy, "too many messages");
        }
        match message {
            Ok(Message::Text(text)) => match self.talk {
                Talk::Subscribes => self.hear(&text, ctx),
                Talk::Listens(_) => {}
            },
            Ok(Message::Ping(payload)) => ctx.pong(&payload),
            Ok(Message::Pong(_) | Message::Nop) => {}
            Ok(Message::Close(reason)) => {
                ctx.close(reason);
                ctx.stop();
            }
            Ok(Message::Binary(_) | Message::Continuation(_)) => {
                refuse(ctx, "a message is one text frame");
            }
            Err(ProtocolError::Io(_)) => {
                self.throw_out(ctx, Refusal::Frame, CloseCode::Size, "frame too large, or cut off")
            }
            Err(_) => self.throw_out(ctx, Refusal::Frame, CloseCode::Protocol, "not a WebSocket frame"),
        }
    }
}

impl StreamHandler<Line> for Session {
    fn handle(&mut self, Line(line): Line, ctx: &mut Self::Context) {
        self.credit.sent += u64::from(cost(&line));
        ctx.text(line);
        if self.credit.sent.saturating_sub(self.credit.asked) >= ASK_EVERY_BYTES {
            self.credit.ask(ctx);
        }
    }
}

/// How much talk a session bears: so many messages at once, and then one every now and then.
struct Patience {
    /// When all that was said so far is forgiven.
    even_at: Instant,
}

impl Patience {
    /// Whether one more message, `now`, is borne.
    fn bears(&mut self, now: Instant) -> bool {
        self.even_at = self.even_at.max(now) + MESSAGE_EVERY;
        self.even_at.duration_since(now) <= MESSAGE_EVERY * MESSAGE_BURST
    }
}

/// What may still be sent before the client acknowledges something.
struct Credit {
    /// A permit a byte.
    left: Arc<Semaphore>,
    /// Bytes sent since the session began.
    sent: u64,
    /// Of these, those before the newest ping.
    asked: u64,
    /// Of these, those before the newest pong.
    acknowledged: u64,
}

impl Default for Credit {
    fn default() -> Credit {
        Credit {
            left: Arc::new(Semaphore::new(usize::try_from(CREDIT_BYTES).unwrap_or(usize::MAX))),
            sent: 0,
            asked: 0,
            acknowledged: 0,
        }
    }
}

impl Credit {
    /// The lines, each when there is credit for it.
    fn spent_by<S: Stream<Item = ByteString>>(&self, lines: S) -> impl Stream<Item = Line> + use<S> {
        let left = Arc::clone(&self.left);
        lines.then(move |line| {
            let left = Arc::clone(&left);
            async move {
                // An error means that the semaphore was closed, which nobody does.
                if let Ok(permits) = left.acquire_many(cost(&line)).await {
                    permits.forget();
                }
                Line(line)
            }
        })
    }

    /// Asks the client to acknowledge what was sent so far.
    fn ask(&mut self, ctx: &mut WebsocketContext<Session>) {
        self.asked = self.sent;
        ctx.ping(self.asked.to_string().as_bytes());
    }

    /// A pong brings back what its ping carried. Anything else is no acknowledgement, only a sign of life. Answers whether
    /// something was acknowledged that had not been.
    fn acknowledge(&mut self, payload: &[u8]) -> bool {
        let told: Option<u64> = str::from_utf8(payload).ok().and_then(|text| text.parse().ok());
        let Some(told) = told.filter(|told| (self.acknowledged..=self.asked).contains(told)) else {
            return false;
        };
        let freed = told.saturating_sub(self.acknowledged);
        self.acknowledged = told;
        self.left.add_permits(usize::try_from(freed).unwrap_or_default());
        freed > 0
    }
}

/// A line that is longer than the whole credit (a large snapshot) takes all of it.
fn cost(line: &str) -> u32 {
    u32::try_from(line.len()).map_or(CREDIT_BYTES, |bytes| bytes.min(CREDIT_BYTES))
}

impl Session {
    fn new(api: &Api, talk: Talk) -> Result<Session, Problem> {
        Ok(Session {
            seat: api.clients.take_seat()?,
            api: api.clone(),
            talk,
            feed: None,
            heard: Instant::now(),
            patience: Patience {
                even_at: Instant::now(),
            },
            credit: Credit::default(),
        })
    }

    fn start(self, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, actix_web::Error> {
        ws::WsResponseBuilder::new(self, request, frames::bounded(payload, MAX_FRAME_BYTES))
            .frame_size(MAX_FRAME_BYTES)
            .start()
    }

    fn hear(&mut self, text: &str, ctx: &mut WebsocketContext<Session>) {
        match Subscribe::parse(text) {
            Ok(wanted) => {
                if let Some(old) = self.feed.take() {
                    ctx.cancel_future(old);
                }
                let frames = Feed::open(&self.api, wanted).into_stream();
                let scribe = self.api.scribe.clone();
                let lines = self.credit.spent_by(frames.map(move |frame| scribe.text(frame)));
                self.feed = Some(ctx.add_stream(lines));
            }
            Err(refusal) => refuse(ctx, &refusal.to_string()),
        }
    }
}

impl Session {
    fn throw_out(&self, ctx: &mut WebsocketContext<Session>, refusal: Refusal, code: CloseCode, description: &str) {
        self.api.clients.count(refusal);
        leave(ctx, code, description);
    }
}

fn refuse(ctx: &mut WebsocketContext<Session>, detail: &str) {
    ctx.text(Frame::Error(Problem::new(Kind::BadMessage, detail)).json());
}

fn leave(ctx: &mut WebsocketContext<Session>, code: CloseCode, description: &str) {
    ctx.close(Some(CloseReason {
        code,
        description: Some(description.to_owned()),
    }));
    ctx.stop();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_bears_a_burst_of_messages_and_a_steady_few_but_no_more() {
        let begun = Instant::now();
        let mut patience = Patience { even_at: begun };
        assert!((0..MESSAGE_BURST).all(|_| patience.bears(begun)));
        assert!(!patience.bears(begun));
        let later = begun + MESSAGE_EVERY * (MESSAGE_BURST + 1);
        assert!((1..1000).all(|message| patience.bears(later + MESSAGE_EVERY * message)));
    }

    #[test]
    fn credit_comes_back_for_what_was_asked_and_only_once() {
        let mut credit = Credit {
            sent: 300,
            asked: 200,
            ..Credit::default()
        };
        let before = credit.left.available_permits();
        for forged in ["201", "-1", "", "x", "\u{ff}", "99999999999999999999"] {
            assert!(!credit.acknowledge(forged.as_bytes()), "{forged}");
        }
        assert_eq!(credit.left.available_permits(), before);
        for (payload, freed) in [("150", 150), ("150", 150), ("100", 150), ("200", 200)] {
            credit.acknowledge(payload.as_bytes());
            assert_eq!(credit.left.available_permits(), before + freed, "{payload}");
        }
    }
}
