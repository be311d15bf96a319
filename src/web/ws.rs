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
#[utoipa::path(get, path = "/ws", tag = "live", responses(
    (status = 101, description = "A WebSocket: the client sends `Subscribe`, the service sends `Frame`s", body = Frame),
    (status = 400, description = "Not a WebSocket handshake", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many sessions", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn open(
    api: Data<Api>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, actix_web::Error> {
    let session = Session {
        seat: api.take_seat()?,
        api: api.get_ref().clone(),
        feed: None,
        heard: Instant::now(),
    };
    ws::WsResponseBuilder::new(session, &request, payload)
        .frame_size(MAX_FRAME_BYTES)
        .start()
}

struct Session {
    api: Api,
    feed: Option<SpawnHandle>,
    heard: Instant,
    #[expect(dead_code, reason = "held for its drop: the seat is free again")]
    seat: OwnedSemaphorePermit,
}

impl Actor for Session {
    type Context = WebsocketContext<Session>;

    fn started(&mut self, ctx: &mut Self::Context) {
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
            Ok(Message::Text(text)) => self.hear(&text, ctx),
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

impl StreamHandler<Frame> for Session {
    fn handle(&mut self, frame: Frame, ctx: &mut Self::Context) {
        ctx.text(frame.json());
    }
}

impl Session {
    fn hear(&mut self, text: &str, ctx: &mut WebsocketContext<Session>) {
        let wanted = serde_json::from_str::<Subscribe>(text)
            .map_err(|error| Problem::new(Kind::BadMessage, error.to_string()))
            .and_then(Subscribe::checked);
        match wanted {
            Ok(wanted) => {
                if let Some(old) = self.feed.take() {
                    ctx.cancel_future(old);
                }
                self.feed = Some(ctx.add_stream(Feed::open(&self.api, wanted).into_stream()));
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
