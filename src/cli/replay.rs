//! `stationd replay`: finished logs through the same grammar and state machine as live ones.
//!
//! One pass, constant memory; several files are one log, in the order given.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, StdoutLock, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use model::repeater::{CallSource, Document, EndReason, Qso};
use repeater::mqtt::MqttReplay;
use repeater::replay::Replay;

use super::complain;

/// Bytes read at a time: large enough that the system calls do not count, small enough for the cache.
const CHUNK_BYTES: usize = 256 * 1024;

/// Bytes collected before they are written out.
const OUTPUT_BYTES: usize = 64 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Logs, oldest first; - reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The files are captures of MQTT messages: `TIME TOPIC PAYLOAD` a line
    #[arg(long)]
    mqtt: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line, as the API serves them
    Jsonl,
    /// One call a line, for people
    Table,
}

pub(super) fn replay(arguments: &Arguments) -> anyhow::Result<()> {
    let mut printer = Printer::new(arguments.format);
    let mut replay = match arguments.mqtt {
        true => Era::Mqtt(Box::default()),
        false => Era::File(Box::default()),
    };
    let progress = Progress::new(&arguments.files);
    for file in &arguments.files {
        read_all(open(file)?, &progress, |chunk| {
            replay.push(chunk, &mut |document| printer.print(&document));
            printer.state()
        })
        .with_context(|| file.display().to_string())?;
        replay.end_of_file(&mut |document| printer.print(&document));
    }
    replay.finish(&mut |document| printer.print(&document));
    printer.finish()?;
    progress.finish();
    tell_unrecognised(&replay);
    Ok(())
}

/// What the host wrote: files until 2026, messages since.
enum Era {
    File(Box<Replay>),
    Mqtt(Box<MqttReplay>),
}

impl Era {
    fn push(&mut self, chunk: &[u8], sink: &mut impl FnMut(Document)) {
        match self {
            Era::File(replay) => replay.push(chunk, sink),
            Era::Mqtt(replay) => replay.push(chunk, sink),
        }
    }

    fn end_of_file(&mut self, sink: &mut impl FnMut(Document)) {
        match self {
            Era::File(replay) => replay.end_of_file(sink),
            Era::Mqtt(replay) => replay.end_of_file(sink),
        }
    }

    fn finish(&mut self, sink: &mut impl FnMut(Document)) {
        match self {
            Era::File(replay) => replay.finish(sink),
            Era::Mqtt(replay) => replay.finish(sink),
        }
    }

    fn unrecognised(&self) -> Vec<(&'static str, u64)> {
        match self {
            Era::File(replay) => replay.unrecognised().collect(),
            Era::Mqtt(replay) => replay.unrecognised().collect(),
        }
    }
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    Ok(Box::new(file))
}

/// Gives each chunk to `take`.
fn read_all(
    mut file: Box<dyn Read>,
    progress: &Progress,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        take(buffer.get(..count).unwrap_or_default())?;
        progress.advance(count);
    }
}

fn tell_unrecognised(replay: &Era) {
    let kinds = replay.unrecognised().into_iter().filter(|(_, count)| *count > 0);
    let kinds: Vec<String> = kinds.map(|(kind, count)| format!("{kind} {count}")).collect();
    if !kinds.is_empty() {
        complain(&format_args!("stationd: lines of no known form: {}", kinds.join(", ")));
    }
}

/// Writes documents; keeps the first error, because the replay cannot be told of it in the middle of a chunk.
struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    format: Format,
    state: io::Result<()>,
}

impl Printer {
    fn new(format: Format) -> Printer {
        let mut out = BufWriter::with_capacity(OUTPUT_BYTES, io::stdout().lock());
        let state = match format {
            Format::Jsonl => Ok(()),
            Format::Table => writeln!(out, "{HEADINGS}"),
        };
        Printer { out, format, state }
    }

    fn print(&mut self, document: &Document) {
        if self.state.is_ok() {
            self.state = self.write(document);
        }
    }

    fn write(&mut self, document: &Document) -> io::Result<()> {
        match (self.format, document) {
            (Format::Jsonl, document) => {
                serde_json::to_writer(&mut self.out, document)?;
                self.out.write_all(b"\n")
            }
            (Format::Table, Document::Qso(call)) => writeln!(self.out, "{}", row(call)),
            (Format::Table, Document::Mode(_) | Document::Event(_)) => Ok(()),
        }
    }

    /// The first error so far.
    fn state(&mut self) -> io::Result<()> {
        std::mem::replace(&mut self.state, Ok(()))
    }

    fn finish(mut self) -> io::Result<()> {
        self.state()?;
        self.out.flush()
    }
}

const HEADINGS: &str =
    "STARTED                   MODE    SOURCE   FROM          TO             LENGTH    BER   LOSS   RSSI  END";

fn row(call: &Qso) -> String {
    let dash = || "-".to_owned();
    let figure = |value: Option<f64>, unit: &str| value.map_or_else(dash, |value| format!("{value:.1}{unit}"));
    let mode = call
        .slot
        .map_or_else(|| call.mode.to_string(), |slot| format!("{} {slot}", call.mode));
    let source = match call.source {
        CallSource::Rf => "radio",
        CallSource::Network => "network",
    };
    let started = call.started_at.to_string();
    let from = call.callsign.as_deref().unwrap_or("-");
    let to = call.destination.as_deref().unwrap_or("-");
    let length = figure(call.duration_s, " s");
    let ber = figure(call.ber_percent, "%");
    let loss = figure(call.loss_percent, "%");
    let rssi = call.rssi_dbm.map_or_else(dash, |rssi| rssi.avg.to_string());
    let end = end(call.end_reason);
    format!(
        "{started:24}  {mode:6}  {source:7}  {from:12}  {to:12}  {length:>7}  {ber:>5}  {loss:>5}  {rssi:>5}  {end}"
    )
}

fn end(reason: EndReason) -> &'static str {
    match reason {
        EndReason::End => "end",
        EndReason::Lost => "signal lost",
        EndReason::Watchdog => "network silent",
        EndReason::Timeout => "timed out",
        EndReason::Replaced => "replaced",
        EndReason::HostRestart => "host restarted",
        EndReason::Open => "still open",
    }
}

/// A bar on a terminal, unless the calls themselves run down that terminal.
struct Progress(ProgressBar);

impl Progress {
    fn new(files: &[PathBuf]) -> Progress {
        if !io::stderr().is_terminal() || io::stdout().is_terminal() {
            return Progress(ProgressBar::hidden());
        }
        let sizes: Option<u64> = files.iter().map(|file| Some(file.metadata().ok()?.len())).sum();
        let bar = sizes.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}");
        Progress(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    fn advance(&self, bytes: usize) {
        self.0.inc(u64::try_from(bytes).unwrap_or(0));
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}
