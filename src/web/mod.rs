//! The HTTP side of the station: page, API, live streams.
//!
//! [`WebActor`] owns the server while it lives; the listening socket belongs to the station and outlives it, so that a
//! restart refuses no connection. Handlers read the journal on blocking threads and reach actors through the kernel only.
//! Fails when: the server ends by itself. Bad requests are answered ([`problem`]), slow readers are cut off by the kernel.

mod actors;
mod audit;
mod auth;
mod clients;
mod commands;
mod compat;
mod configuration;
mod events;
mod export;
mod feed;
mod frames;
mod guard;
mod health;
mod openapi;
mod page;
mod paging;
mod power;
mod problem;
mod repeater;
mod scribe;
mod signals;
mod sse;
mod statistics;
mod tls;
mod ws;

use std::fmt::Display;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Running, WrapFuture};
use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, Error, HttpServer};
use kernel::{ChildEnv, ChildSpec, StartError, Supervision};
use model::{Signal, Source, Timestamp};
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;

use self::auth::{Caller, Door};
use self::clients::{Clients, Told};
use self::problem::Problem;
use self::scribe::Scribe;
use crate::config::{ClientsConfig, WebConfig};
use crate::descriptors;
use crate::station::Shared;

pub(crate) use tls::Tls;

/// The kernel cuts off a peer that takes no data for this long, in which case nothing of ours would run to notice.
const STALLED_PEER_LIMIT: Duration = Duration::from_secs(25);

/// What the kernel keeps for a peer that reads slowly, in bytes; it doubles this for its own bookkeeping. Left to itself it
/// grows to megabytes for each. Below the limit that Linux sets by default (208 KiB, `net.core.wmem_max`).
const SEND_BUFFER_BYTES: usize = 200 * 1024;

/// Connections that may wait to be accepted, for instance while the server restarts.
const BACKLOG: i32 = 1024;

/// HTTP threads. A station has a handful of viewers.
const WORKERS: usize = 2;

/// Connections a worker serves at a time beside its part of the sessions.
const REQUEST_CONNECTIONS: usize = 512;

/// Threads a worker may use to read the journal.
const BLOCKING_THREADS: usize = 4;

/// How long a stopping server waits for answers under way, in seconds.
const DRAIN_S: u64 = 2;

/// How long a client may take to send its request head.
const REQUEST_HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Pause between two looks at who is connected.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Paths whose answers do not end by themselves.
const STREAMS: [&str; 2] = ["/ws", "/stream"];

/// What a browser may do with an answer that says nothing else about it: nothing. Pages say what they need.
const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// For how long browsers shall come back with TLS only, once they came with it: a year.
const TLS_ONLY: &str = "max-age=31536000";

/// What every handler knows.
#[derive(Clone)]
pub(crate) struct Api {
    station: Shared,
    clients: Clients,
    scribe: Scribe,
    closing: watch::Receiver<bool>,
    watcher: compat::mmdvm::Mirror,
    adding: statistics::Adding,
}

impl Api {
    fn supervision(&self) -> Result<&Supervision, Problem> {
        let booting = || Problem::unavailable("the station is starting");
        self.station.supervision.get().ok_or_else(booting)
    }

    /// Resolves when somebody may not listen any more: key revoked, signed out, expired, another role.
    fn lapsed(&self, caller: &Caller) -> impl Future<Output = ()> + 'static {
        self.station
            .access
            .lapsed(caller.credential.clone(), caller.identity.clone())
    }

    /// Resolves when the server stops; live sessions end then.
    fn closing(&self) -> impl Future<Output = ()> + 'static {
        let mut closing = self.closing.clone();
        async move {
            // An error means that the server is gone altogether.
            let _stopping_or_gone = closing.wait_for(|closing| *closing).await.is_ok();
        }
    }
}

/// Opens the socket that all incarnations of the server share.
///
/// # Errors
/// When the address is in use or not ours.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit these. Without the first, a message waits for the acknowledgement of the one before it, which a
    // peer that has nothing to say holds back for 40 ms.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(STALLED_PEER_LIMIT))?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Door and clients' books, kept over restarts: what they know begins anew only with other rules.
struct Entrance {
    web: WebConfig,
    limits: ClientsConfig,
    door: Data<Door>,
    clients: Clients,
}

impl Entrance {
    fn new(station: &Shared) -> Entrance {
        let config = &station.live.running().config;
        Entrance {
            web: config.web.clone(),
            limits: config.clients.clone(),
            door: Data::new(Door::new(&config.web, station.access.clone())),
            clients: Clients::new(&config.clients),
        }
    }

    /// As the configuration of now wants them, and how many sessions there may be.
    fn renewed(&mut self, station: &Shared) -> (Data<Door>, Clients, usize) {
        let config = &station.live.running().config;
        let new = Entrance::new(station);
        if config.web != self.web {
            (self.web, self.door) = (new.web, new.door);
        }
        if config.clients != self.limits {
            (self.limits, self.clients) = (new.limits, new.clients);
        }
        (self.door.clone(), self.clients.clone(), self.limits.max_sessions)
    }
}

/// The supervised HTTP server.
pub(crate) fn child(listener: TcpListener, station: Shared, tls: Option<Tls>) -> ChildSpec<WebActor> {
    let entrance = Mutex::new(Entrance::new(&station));
    ChildSpec::new("web", move |env| {
        let (door, clients, max_sessions) = entrance.lock().renewed(&station);
        descriptors::raise_limit(max_sessions);
        let worker_connections = max_sessions.div_ceil(WORKERS) + REQUEST_CONNECTIONS;
        let failed = |error: io::Error| StartError::Failed(error.to_string());
        let listener = listener.try_clone().map_err(failed)?;
        let closing = watch::Sender::new(false);
        let api = Api {
            station: station.clone(),
            clients,
            scribe: Scribe::default(),
            closing: closing.subscribe(),
            watcher: compat::mmdvm::Mirror::new(&station.journal),
            adding: statistics::Adding::new(&station.journal),
        };
        let server = serve(listener, api.clone(), door, tls.as_ref(), worker_connections).map_err(failed)?;
        Ok(WebActor {
            env,
            api,
            told: None,
            handle: server.handle(),
            server: Some(server),
            closing,
            tls: tls.clone(),
        })
    })
}

fn serve(
    listener: TcpListener,
    api: Api,
    door: Data<Door>,
    tls: Option<&Tls>,
    worker_connections: usize,
) -> io::Result<Server> {
    let clients = api.clients.clone();
    let app = move || {
        App::new()
            .app_data(Data::new(api.clone()))
            .app_data(door.clone())
            .configure(routes)
            .wrap(from_fn(head_is_get))
            .wrap(from_fn(auth::admit))
            .wrap(from_fn(guard::refuse_foreigners))
            .wrap(from_fn(problem::document_errors))
            .wrap(cautions(&door))
    };
    let server = HttpServer::new(app)
        .workers(WORKERS)
        .max_connections(worker_connections)
        .on_connect(move |stream, extensions| clients.connected(stream, extensions))
        .worker_max_blocking_threads(BLOCKING_THREADS)
        .client_request_timeout(REQUEST_HEAD_LIMIT)
        .shutdown_timeout(DRAIN_S)
        .disable_signals();
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls.config())?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

/// Middleware: notes that the connection has asked something; and HEAD is GET, and the protocol layer leaves the body out. A stream has no end, so it has no HEAD.
async fn head_is_get(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    Clients::asked(request.request());
    if request.method() == Method::HEAD && !STREAMS.contains(&request.path()) {
        request.head_mut().method = Method::GET;
    }
    next.call(request).await
}

/// What browsers are told with every answer. No site may show our pages in a frame and have its visitors press our buttons.
fn cautions(door: &Door) -> DefaultHeaders {
    let cautions = DefaultHeaders::new()
        .add((CONTENT_SECURITY_POLICY, NOTHING))
        .add(("Cross-Origin-Opener-Policy", "same-origin"))
        .add(("Cross-Origin-Resource-Policy", "same-origin"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("X-Frame-Options", "DENY"));
    if door.is_encrypted {
        cautions.add(("Strict-Transport-Security", TLS_ONLY))
    } else {
        cautions
    }
}

/// Every path of the service.
fn routes(config: &mut ServiceConfig) {
    config
        .app_data(problem::query_config())
        .app_data(problem::path_config())
        .app_data(problem::body_config())
        .app_data(problem::json_config());
    for section in [
        page::routes,
        health::routes,
        auth::routes,
        repeater::routes,
        power::routes,
        statistics::routes,
        export::routes,
        events::routes,
        signals::routes,
        actors::routes,
        commands::routes,
        audit::routes,
        configuration::routes,
        ws::routes,
        sse::routes,
        compat::mmdvm::routes,
        compat::mpp_solar::routes,
        openapi::routes,
    ] {
        config.configure(section);
    }
}

/// Runs a read that blocks, off the HTTP threads.
async fn blocking<T, E>(read: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Problem>
where
    T: Send + 'static,
    E: Display + Send + 'static,
{
    match actix_web::web::block(read).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Problem::unavailable(error)),
        Err(error) => Err(Problem::unavailable(error)),
    }
}

/// Owns the running server.
pub(crate) struct WebActor {
    env: ChildEnv,
    api: Api,
    /// What the page was told of the clients.
    told: Option<Told>,
    /// Until `started` gives it to the context.
    server: Option<Server>,
    handle: ServerHandle,
    closing: watch::Sender<bool>,
    tls: Option<Tls>,
}

impl Actor for WebActor {
    type Context = Context<WebActor>;

    fn started(&mut self, ctx: &mut Context<WebActor>) {
        let Some(server) = self.server.take() else {
            return;
        };
        ctx.run_interval(TELL_EVERY, |web, _| web.tell());
        ctx.spawn(server.into_actor(self).map(|ended, web, ctx| {
            if !*web.closing.borrow() {
                web.env
                    .fail(ended.map_or_else(|error| error.to_string(), |()| "the server ended".to_owned()));
            }
            ctx.stop();
        }));
        if let Some(tls) = self.tls.clone() {
            ctx.spawn(tls.keep_fresh().into_actor(self));
        }
    }

    /// Asked to stop: answers under way are finished first, live sessions are told to leave. The server's end stops the actor.
    fn stopping(&mut self, ctx: &mut Context<WebActor>) -> Running {
        if self.closing.send_replace(true) {
            return Running::Stop;
        }
        let drained = self.handle.stop(true);
        ctx.spawn(drained.into_actor(self).map(|(), _, ctx| ctx.stop()));
        Running::Continue
    }
}

impl WebActor {
    /// Shows who is connected and who was refused, if that has changed.
    fn tell(&mut self) {
        let told = self.api.clients.told();
        if self.told.as_ref() == Some(&told) {
            return;
        }
        let Ok(data) = serde_json::value::to_raw_value(&told) else {
            return;
        };
        let shown = self.api.station.journal.signals().set(Signal {
            at: Timestamp::now(),
            source: Source::new("web"),
            name: "clients".into(),
            data: data.into(),
        });
        if shown {
            self.told = Some(told);
        }
    }
}

kernel::answers_ping!(WebActor);

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;

    #[test]
    fn accepted_socket_is_cut_off_by_the_kernel_when_its_peer_takes_nothing() {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let limit = SockRef::from(&accepted).tcp_user_timeout().unwrap();
        assert_eq!(limit, Some(STALLED_PEER_LIMIT));
        assert_eq!(
            SockRef::from(&accepted).send_buffer_size().unwrap(),
            2 * SEND_BUFFER_BYTES
        );
    }
}
