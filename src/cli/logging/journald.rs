//! systemd's journal as the reader of standard error: it strips `<N>` at the start of a line and keeps it as the priority
//! (sd-daemon(3)), so that `journalctl -p warning` finds what it should.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Where systemd says which stream leads to the journal: device and inode, `DEV:INO`.
const VARIABLE: &str = "JOURNAL_STREAM";

/// Whether standard error leads there. It may have been redirected since the variable was set.
pub(super) fn is_stderr() -> bool {
    let Ok(stream) = std::env::var(VARIABLE) else {
        return false;
    };
    let own = io::stderr()
        .as_fd()
        .try_clone_to_owned()
        .and_then(|fd| File::from(fd).metadata());
    own.is_ok_and(|own| stream == format!("{}:{}", own.dev(), own.ino()))
}

/// The priority (syslog(3)) before the entry.
pub(super) struct Prioritised<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for Prioritised<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(ctx, writer, event)
    }
}

fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        // The journal knows nothing below debug.
        Level::DEBUG | Level::TRACE => 7,
    }
}
