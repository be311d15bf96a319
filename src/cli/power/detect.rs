//! `stationd power detect`: finds out what the devices on the ports speak. It asks, and changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use power::detect::{Finding, Frames, further, greeting, is_candidate, is_met_at, judge, rank, speeds};
use power::{AskError, Direct, Library, Protocol, Request, usual_baud};

/// How long one port may take.
const PORT_LIMIT: Duration = Duration::from_secs(90);
/// Below this, of 100, a protocol is not worth a line.
const WORTH: f64 = 25.0;
/// Most protocols that are told of one port.
const MOST_TOLD: usize = 3;
/// Names that do not change from one boot to the next.
const BY_ID: &str = "/dev/serial/by-id";
/// What devices are called that a station may have.
const NAMES: [&str; 3] = ["ttyUSB", "ttyACM", "hidraw"];

pub(super) fn detect(library: &mut Library, ports: &[String]) -> anyhow::Result<()> {
    let found = if ports.is_empty() { present() } else { ports.to_vec() };
    if found.is_empty() {
        bail!("no port is there: {BY_ID}, /dev/ttyUSB*, /dev/ttyACM*, /dev/hidraw*; name one with --port");
    }
    let names: Vec<String> = library.names().into_iter().map(str::to_owned).collect();
    let protocols: Vec<Arc<Protocol>> = names.iter().map(|name| library.get(name)).collect::<Result<_, _>>()?;
    let mut any = false;
    for port in &found {
        let findings = super::run(async { search(port, &protocols).await });
        any |= tell(port, findings)?;
    }
    if any {
        return Ok(());
    }
    bail!("nothing that answers in a protocol known here")
}

/// The ports of this computer; one that has a lasting name, by that.
fn present() -> Vec<String> {
    let entries = |directory: &str| fs::read_dir(directory).into_iter().flatten().flatten();
    let by_id: BTreeSet<String> = entries(BY_ID).map(|entry| entry.path().display().to_string()).collect();
    let real: BTreeSet<_> = by_id.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    let others = entries("/dev")
        .map(|entry| entry.path())
        .filter(|path| !real.contains(path));
    let is_port = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        NAMES.iter().any(|begins| name.starts_with(begins))
    };
    let others = others
        .filter(|path| is_port(path))
        .map(|path| path.display().to_string());
    let others: BTreeSet<String> = others.collect();
    by_id.into_iter().chain(others).collect()
}

/// Says hello at every speed, then asks those that understand each other more. The first speed that anybody answers at is
/// the device's.
async fn search(port: &str, protocols: &[Arc<Protocol>]) -> anyhow::Result<Vec<Finding>> {
    let met = protocols.iter().filter(|known| is_met_at(port, known.family()));
    let protocols: Vec<Arc<Protocol>> = met.cloned().collect();
    let deadline = Instant::now() + PORT_LIMIT;
    // USB reports and connections have no speed: what is asked at the wrong one is asked all the same.
    let mut has_noise = false;
    for baud in speeds(&protocols) {
        let here: Vec<&Arc<Protocol>> = protocols
            .iter()
            .filter(|known| usual_baud(known.family()) == baud)
            .collect();
        progress(&format!("{port}: {baud} baud, {} protocols", here.len()))?;
        let mut probe = Probe {
            port,
            baud,
            deadline,
            has_noise,
            frames: Frames::new(),
        };
        has_noise = true;
        for request in here.iter().filter_map(|protocol| greeting(protocol)) {
            probe.ask(&request).await?;
        }
        let candidates: Vec<&&Arc<Protocol>> = here.iter().filter(|known| is_candidate(known, &probe.frames)).collect();
        for request in candidates.iter().flat_map(|protocol| further(protocol)) {
            probe.ask(&request).await?;
        }
        let judged = candidates.iter().filter_map(|protocol| judge(protocol, &probe.frames));
        let mut findings: Vec<Finding> = judged.filter(|finding| finding.percent >= WORTH).collect();
        if !findings.is_empty() {
            rank(&mut findings);
            return Ok(findings);
        }
    }
    Ok(Vec::new())
}

/// Questions to one port at one speed.
struct Probe<'a> {
    port: &'a str,
    baud: u32,
    deadline: Instant,
    /// Whether something was said at another speed, which the device may hold for the beginning of a question.
    has_noise: bool,
    frames: Frames,
}

impl Probe<'_> {
    async fn ask(&mut self, request: &Request<'_>) -> anyhow::Result<()> {
        if self.frames.contains_key(request.bytes()) || Instant::now() > self.deadline {
            return Ok(());
        }
        // Opened anew each time: what comes late is not taken for the next answer.
        let direct = Direct::new(self.port, self.baud).map_err(anyhow::Error::msg)?;
        let explained = |error: AskError| anyhow::anyhow!("{error}");
        let mut frame = direct.probe(request).await.map_err(explained)?;
        let is_good = |frame: &Vec<u8>| request.decode(frame).is_ok();
        let is_worth_another = (self.has_noise || frame.is_some()) && !request.is_heard_only();
        if is_worth_another && !frame.as_ref().is_some_and(is_good) && Instant::now() < self.deadline {
            frame = direct.probe(request).await.map_err(explained)?.or(frame);
        }
        self.frames.insert(request.bytes().into(), frame);
        Ok(())
    }
}

fn progress(text: &str) -> io::Result<()> {
    writeln!(io::stderr().lock(), "{text}")
}

/// Whether there was anything to tell.
fn tell(port: &str, findings: anyhow::Result<Vec<Finding>>) -> io::Result<bool> {
    let mut output = io::stdout().lock();
    let findings = match findings {
        Ok(findings) => findings,
        Err(error) => {
            writeln!(output, "{port}: {error}")?;
            return Ok(false);
        }
    };
    if findings.is_empty() {
        writeln!(output, "{port}: no answer that is understood")?;
    }
    for finding in findings.iter().take(MOST_TOLD) {
        let Finding {
            protocol,
            baud,
            percent,
            because,
        } = finding;
        writeln!(
            output,
            "{port}: {protocol}, {baud} baud, {percent:.0} % sure: {because}"
        )?;
    }
    Ok(!findings.is_empty())
}
