//! `/ws`: one session actor a WebSocket. **The only file that knows `actix-web-actors`**, which is frozen upstream.
//!
//! ```text
//! Open --subscribe--> Following --subscribe--> Following (anew)      bad message: told, stays
//!   any --close | silent 60 s | server stops | frame over 64 KiB--> Closed
//! ```
//!
//! The response stream drives the actor: while the socket takes nothing, the actor is not polled, so its feed is not
//! read and nothing piles up here. Its own timers stand still then as well; a peer that never reads again is cut off
//! by the kernel (`TCP_USER_TIMEOUT` on the listener). **Invariant:** nobody sends to a session's mailbox, which has no
//! bound; a session pulls.

use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, SpawnHandle, StreamHandler, WrapFuture};
use actix_web::web::{Data, Payload, ServiceConfig, resource};
use actix_web::{HttpRequest, HttpResponse};
use actix_web_actors::ws::{self, CloseCode, CloseReason, Message, ProtocolError, WebsocketContext};
use futures_util::stream::{LocalBoxStream, Stream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;

use super::Api;
use super::feed::{Feed, Frame, Subscribe};
use super::problem::{Kind, Problem};

/// Largest frame that a client may send, in bytes. A subscription needs a few hundred.
const MAX_FRAME_BYTES: usize = 64 * 1024;

/// Pause between pings; keeps proxies from closing a quiet socket.
const PING_EVERY: Duration = Duration::from_secs(20);

/// A client that says nothing for this long, not even a pong, is gone.
const SILENT_LIMIT: Duration = Duration::from_secs(60);

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
    Session::new(api, Talk::Listens(Some(lines.boxed_local())))?.start(request, payload)
}

/// What is sent: one text frame.
struct Line(String);

/// Who says what the session follows.
enum Talk {
    /// The client, by `Subscribe`.
    Subscribes,
    /// The path that it opened; until the start, the lines themselves.
    Listens(Option<LocalBoxStream<'static, String>>),
}

struct Session {
    api: Api,
    talk: Talk,
    feed: Option<SpawnHandle>,
    heard: Instant,
    #[expect(dead_code, reason = "held for its drop: the seat is free again")]
    seat: OwnedSemaphorePermit,
}

impl Actor for Session {
    type Context = WebsocketContext<Session>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Talk::Listens(lines) = &mut self.talk {
            self.feed = lines.take().map(|lines| ctx.add_stream(lines.map(Line)));
        }
        ctx.run_interval(PING_EVERY, |session, ctx| {
            if session.heard.elapsed() > SILENT_LIMIT {
                leave(ctx, CloseCode::Policy, "silent for too long");
            } else {
                ctx.ping(b"");
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
            Err(ProtocolError::Overflow) => leave(ctx, CloseCode::Size, "frame too large"),
            Err(_) => leave(ctx, CloseCode::Protocol, "not a WebSocket frame"),
        }
    }
}

impl StreamHandler<Line> for Session {
    fn handle(&mut self, Line(line): Line, ctx: &mut Self::Context) {
        ctx.text(line);
    }
}

impl Session {
    fn new(api: &Api, talk: Talk) -> Result<Session, Problem> {
        Ok(Session {
            seat: api.take_seat()?,
            api: api.clone(),
            talk,
            feed: None,
            heard: Instant::now(),
        })
    }

    fn start(self, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, actix_web::Error> {
        ws::WsResponseBuilder::new(self, request, payload)
            .frame_size(MAX_FRAME_BYTES)
            .start()
    }

    fn hear(&mut self, text: &str, ctx: &mut WebsocketContext<Session>) {
        let wanted = serde_json::from_str::<Subscribe>(text)
            .map_err(|error| Problem::new(Kind::BadMessage, error.to_string()))
            .and_then(Subscribe::checked);
        match wanted {
            Ok(wanted) => {
                if let Some(old) = self.feed.take() {
                    ctx.cancel_future(old);
                }
                let frames = Feed::open(&self.api, wanted).into_stream();
                self.feed = Some(ctx.add_stream(frames.map(|frame| Line(frame.json()))));
            }
            Err(problem) => ctx.text(Frame::Error(problem).json()),
        }
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
