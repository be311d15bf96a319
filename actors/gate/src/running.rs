//! Commands that are being carried out. They outlive the gate's actor: a gate that restarts, at its own hand even, goes on
//! polling what the one before it began.
//!
//! **Invariant:** an outcome stays here until it is taken together with the lock of the ledger: whoever is stopped in
//! between loses none.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, poll_fn};
use futures_util::stream::{FuturesUnordered, StreamExt};
use model::CommandId;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::workflow::End;

/// How long a command may take; longer than any limit of the subsystems, which know better what became of it.
const EFFECT_LIMIT: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Inner {
    futures: FuturesUnordered<BoxFuture<'static, (CommandId, End)>>,
    ids: BTreeSet<CommandId>,
    ended: Vec<(CommandId, End)>,
}

/// What runs now.
#[derive(Default)]
pub(crate) struct Running {
    inner: Mutex<Inner>,
    added: Notify,
}

impl Running {
    /// Begins one. It is first polled by whoever waits.
    pub(crate) fn begin(&self, id: CommandId, work: BoxFuture<'static, End>) {
        let limited = tokio::time::timeout(EFFECT_LIMIT, AssertUnwindSafe(work).catch_unwind());
        let work = limited.map(move |ended| {
            (
                id,
                ended.map_or_else(|_| over_time(), |end| end.unwrap_or_else(|_| panicked())),
            )
        });
        let mut inner = self.inner.lock();
        inner.ids.insert(id);
        inner.futures.push(work.boxed());
        drop(inner);
        self.added.notify_one();
    }

    /// Whether it was begun, and its outcome was not taken yet.
    pub(crate) fn has(&self, id: CommandId) -> bool {
        self.inner.lock().ids.contains(&id)
    }

    /// Resolves when an outcome is there. Cancel safe.
    pub(crate) async fn ended(&self) {
        loop {
            let added = self.added.notified();
            tokio::select! {
                () = poll_fn(|cx| self.poll(cx)) => return,
                () = added => {}
            }
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.inner.lock();
        while let Poll::Ready(Some(ended)) = inner.futures.poll_next_unpin(cx) {
            inner.ended.push(ended);
        }
        if inner.ended.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    /// The outcomes that are there.
    pub(crate) fn take(&self) -> Vec<(CommandId, End)> {
        let mut inner = self.inner.lock();
        let ended = std::mem::take(&mut inner.ended);
        for (id, _) in &ended {
            inner.ids.remove(id);
        }
        ended
    }
}

fn over_time() -> End {
    End::Unknown(format!(
        "no answer within {} s; it may still go on",
        EFFECT_LIMIT.as_secs()
    ))
}

fn panicked() -> End {
    End::Unknown("the code that carries it out panicked".to_owned())
}
