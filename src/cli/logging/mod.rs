//! Where `tracing` goes: standard error, as text for people or JSON for machines, and a file if one is named.
//!
//! Under systemd standard error is the journal, which has times of its own and takes the level as a prefix ([`journald`]).
//! An entry is one line, whatever its texts hold: nobody on the air writes a line of our log.

mod file;
mod journald;
mod rotation;

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use self::file::LogFile;
use self::journald::Prioritised;
use self::rotation::RotatingFile;
use crate::config::{LogConfig, LogFormat};

/// The HTTP server tells of each of its threads; what the supervisor says about it is enough.
const QUIET: &str = "actix_server=warn";

/// Held while the process logs; its drop waits a moment for what the file has not taken yet.
pub(super) struct Logging {
    _file: Option<LogFile>,
}

/// Starts logging. `RUST_LOG` wins over the configuration. Call once.
pub(super) fn init(config: &LogConfig) -> Logging {
    let configured = || EnvFilter::new(format!("{QUIET},{}", config.level));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| configured());
    let reader = if journald::is_stderr() {
        Reader::Journal
    } else if io::stderr().is_terminal() {
        Reader::Terminal
    } else {
        Reader::File
    };
    let mut layers = vec![layer(config.format, reader, io::stderr)];
    let mut log_file = None;
    if let Some(rotating) = RotatingFile::of(config) {
        match LogFile::start(rotating) {
            Ok((file, lines)) => {
                layers.push(layer(config.format, Reader::File, move || lines.clone()));
                log_file = Some(file);
            }
            Err(error) => super::complain(&format_args!("stationd: no thread for the log file: {error}")),
        }
    }
    tracing_subscriber::registry().with(layers).with(filter).init();
    Logging { _file: log_file }
}

/// Who reads the lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// A person, who likes colours.
    Terminal,
    /// systemd's journal, which knows the time by itself.
    Journal,
    /// Whoever reads the file.
    File,
}

type AnyLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn layer<W>(format: LogFormat, reader: Reader, writer: W) -> AnyLayer
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer()
        .with_writer(OneLine(writer))
        .with_ansi(reader == Reader::Terminal);
    let journal = reader == Reader::Journal;
    match format {
        LogFormat::Text if journal => {
            let bare = layer.without_time().with_level(false);
            bare.map_event_format(Prioritised).boxed()
        }
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => {
            let json = layer.json().flatten_event(true).with_current_span(false);
            if journal {
                json.map_event_format(Prioritised).boxed()
            } else {
                json.boxed()
            }
        }
    }
}

/// Entries of one line each: a line break in a text would begin an entry that somebody else wrote.
struct OneLine<M>(M);

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for OneLine<M> {
    type Writer = OneLineWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLineWriter(self.0.make_writer())
    }
}

/// Takes a whole entry at a time, as `tracing_subscriber::fmt` writes it.
struct OneLineWriter<W>(W);

impl<W: Write> Write for OneLineWriter<W> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let body = entry.strip_suffix(b"\n").unwrap_or(entry);
        if body.contains(&b'\n') || body.contains(&b'\r') {
            let mut line = Vec::with_capacity(entry.len().saturating_add(16));
            for byte in body {
                match byte {
                    b'\n' => line.extend_from_slice(b"\\n"),
                    b'\r' => line.extend_from_slice(b"\\r"),
                    byte => line.push(*byte),
                }
            }
            line.push(b'\n');
            self.0.write_all(&line)?;
        } else {
            self.0.write_all(entry)?;
        }
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_with_line_breaks_stays_one_line() {
        let mut log = Vec::new();
        OneLineWriter(&mut log)
            .write_all(b"caller=M0ABC\n<0>forged\r\n")
            .unwrap();
        OneLineWriter(&mut log).write_all(b"plain\n").unwrap();
        assert_eq!(log, b"caller=M0ABC\\n<0>forged\\r\nplain\n");
    }
}
