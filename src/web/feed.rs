//! What a live session is told: a snapshot, then events and signals as they come. The same for WebSocket and SSE.
//!
//! Owns: one journal subscription, one watch of the signal board. A session that reads slowly holds nothing up:
//! signals are replaced by newer ones, events are read again from the journal after a `lagged`.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream;
use journal::{Delivery, EventFilter, SignalWatch, Subscription};
use model::{Event, Seq, Signal, Subscribe, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::problem::Problem;

/// What a session is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Frame {
    /// The present, before anything else.
    Snapshot(Snapshot),
    /// A fact, now in the journal.
    Event(Arc<Event>),
    /// A present value.
    Signal(Signal),
    /// The session fell behind; the events of these positions follow from the journal.
    Lagged {
        /// First missed.
        from: Seq,
        /// Last missed.
        to: Seq,
    },
    /// What the client sent makes no sense.
    Error(Problem),
}

impl Frame {
    /// The name of the frame, as SSE writes it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Frame::Snapshot(_) => "snapshot",
            Frame::Event(_) => "event",
            Frame::Signal(_) => "signal",
            Frame::Lagged { .. } => "lagged",
            Frame::Error(_) => "error",
        }
    }

    /// The document that goes over the wire.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| {
            tracing::error!(%error, frame = self.name(), "frame not written");
            "{}".to_owned()
        })
    }
}

/// The present, as far as the subscription asks for it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Snapshot {
    /// The station's clock.
    pub(crate) at: Timestamp,
    /// Position of the newest event.
    pub(crate) head: Seq,
    /// The events behind this position follow.
    pub(crate) since: Seq,
    /// Name of the station.
    pub(crate) station: Arc<str>,
    /// Whether the calls are invented.
    pub(crate) demo: bool,
    /// The present values.
    pub(crate) signals: Vec<Signal>,
}

/// One session's stream of frames.
pub(crate) struct Feed {
    ready: VecDeque<Frame>,
    patterns: Vec<String>,
    events: Subscription,
    signals: SignalWatch,
}

impl Feed {
    /// Subscribes first and takes the snapshot then: what happens in between comes twice rather than not at all.
    pub(crate) fn open(api: &Api, wanted: Subscribe) -> Feed {
        let head = api.station.journal.head();
        // A position ahead of the journal was given by another journal (a new card, a restored backup): start afresh.
        let since = wanted.since.filter(|since| *since <= head).unwrap_or(head);
        let events = api
            .station
            .journal
            .subscribe(Some(since), EventFilter::sources(wanted.subscribe.iter()));
        let board = api.station.journal.signals();
        let signals = board.subscribe();
        let mut present = board.snapshot("*");
        present.retain(|signal| fits(&wanted.subscribe, signal));
        let snapshot = Snapshot {
            at: Timestamp::now(),
            head,
            since,
            station: Arc::clone(&api.station.name),
            demo: api.station.demo,
            signals: present,
        };
        Feed {
            ready: VecDeque::from([Frame::Snapshot(snapshot)]),
            patterns: wanted.subscribe,
            events,
            signals,
        }
    }

    /// The next thing to tell. Cancel safe: both sources are.
    pub(crate) async fn next(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return frame;
            }
            tokio::select! {
                delivery = self.events.next() => return match delivery {
                    Delivery::Event(event) => Frame::Event(event),
                    Delivery::Lagged { from, to } => Frame::Lagged { from, to },
                },
                changed = self.signals.changed() => {
                    let wanted = changed.into_iter().filter(|signal| fits(&self.patterns, signal));
                    self.ready.extend(wanted.map(Frame::Signal));
                }
            }
        }
    }

    /// The feed as an endless stream; whoever polls it sets the pace.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Frame> {
        stream::unfold(self, |mut feed| async move { Some((feed.next().await, feed)) })
    }
}

fn fits(patterns: &[String], signal: &Signal) -> bool {
    patterns.iter().any(|pattern| signal.source.matches(pattern))
}
