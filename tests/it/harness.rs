//! A station of one's own for a test, and the questions that can be put to it.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use model::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use crate::socket::Socket;

/// How long anything in a test may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The binary under test.
pub(crate) fn stationd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stationd"));
    for (name, _) in std::env::vars() {
        if name.starts_with("STATIOND__") || name == "RUST_LOG" || name == "NOTIFY_SOCKET" {
            command.env_remove(name);
        }
    }
    command
}

/// A running station. Killed when dropped.
pub(crate) struct Station {
    process: Child,
    pub(crate) address: String,
    log: Receiver<String>,
    /// Where a demo sets up its stage; it is killed too fast to clear up.
    _scratch: TempDir,
}

impl Station {
    /// Follows the logs of `stage`.
    pub(crate) fn run(stage: &Stage) -> Station {
        let mut command = stationd();
        command.arg("run").arg("--config").arg(stage.config());
        Station::start(command)
    }

    /// The same under a process manager that listens on `notify`.
    pub(crate) fn run_under(stage: &Stage, notify: &Path) -> Station {
        let mut command = stationd();
        command.arg("run").arg("--config").arg(stage.config());
        command.env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", "100000");
        Station::start(command)
    }

    pub(crate) fn demo() -> Station {
        let mut command = stationd();
        command.arg("demo");
        Station::start(command)
    }

    /// The same with a variable in its environment.
    pub(crate) fn run_with(stage: &Stage, name: &str, value: &str) -> Station {
        let mut command = stationd();
        command.arg("run").arg("--config").arg(stage.config());
        command.env(name, value);
        Station::start(command)
    }

    fn start(mut command: Command) -> Station {
        let scratch = TempDir::new().expect("a directory");
        command.env("TMPDIR", scratch.path()).stderr(Stdio::piped());
        let mut process = detached(&mut command).spawn().expect("the binary starts");
        let log = lines(process.stderr.take().expect("a pipe"));
        let address = listening(&log);
        Station {
            process,
            address,
            log,
            _scratch: scratch,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Status and body.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        answer(agent().get(self.url(path)).call())
    }

    /// What a station answers that may be in trouble; null if it answers nothing.
    pub(crate) fn try_get(&self, path: &str) -> Value {
        let answer = agent().get(self.url(path)).call();
        let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
        serde_json::from_str(&text.unwrap_or_default()).unwrap_or_default()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(agent().post(self.url(path)).send_json(body))
    }

    /// Asks until the answer satisfies.
    pub(crate) fn wait_for(&self, path: &str, mut what: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + LIMIT;
        loop {
            let (_, body) = self.get(path);
            if what(&body) {
                return body;
            }
            assert!(
                Instant::now() < deadline,
                "{path} still answers {body:#}\n{}",
                self.said()
            );
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// All calls that the journal holds, oldest first.
    pub(crate) fn calls(&self) -> Vec<Value> {
        let mut calls = self.list("/api/v1/repeater/calls?limit=1000");
        calls.reverse();
        calls
    }

    /// All events of this source that the journal holds, oldest first.
    pub(crate) fn events(&self, source: &str) -> Vec<Value> {
        self.list(&format!("/api/v1/events?since=0&limit=1000&source={source}"))
    }

    /// The items of all pages.
    fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let (_, page) = self.get(&format!("{path}{cursor}"));
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }

    pub(crate) fn socket(&self, subscribe: &Value) -> Socket {
        Socket::open(self, subscribe)
    }

    /// A live session that follows by itself.
    pub(crate) fn socket_at(&self, path: &str) -> Socket {
        Socket::connect(self, path)
    }

    /// Status, headers that matter and body of what is no JSON.
    pub(crate) fn text(&self, path: &str) -> (u16, String, String) {
        let mut answer = agent().get(self.url(path)).call().expect("an answer");
        let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
        let text = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), kind, text)
    }

    /// Memory that it holds now.
    pub(crate) fn resident_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("a process");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("its size");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Processor time that it has taken so far.
    #[allow(dead_code, reason = "time is measured in the benches only")]
    pub(crate) fn processor(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("a process");
        // proc(5): the name in brackets may hold anything; utime and stime are the 12th and 13th fields behind it, in
        // hundredths of a second.
        let (_, fields) = stat.rsplit_once(") ").expect("a name");
        let fields = fields.split(' ').skip(11).take(2);
        Duration::from_millis(10 * fields.map(|ticks| ticks.parse::<u64>().expect("a number")).sum::<u64>())
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(name)
            .arg(self.process.id().to_string())
            .status();
        assert!(sent.expect("kill runs").success());
    }

    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.process.try_wait().expect("own child") {
                return status;
            }
            assert!(Instant::now() < deadline, "the station does not end\n{}", self.said());
            thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// Whether its process has not ended by itself.
    pub(crate) fn lives(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("own child");
        let (_, state) = stat.rsplit_once(") ").expect("its state");
        !state.starts_with('Z')
    }

    /// What it logged since last asked.
    pub(crate) fn said(&self) -> String {
        self.log.try_iter().collect::<Vec<_>>().join("\n")
    }

    /// The same of one that has ended, to its last word.
    pub(crate) fn said_to_the_end(&self) -> String {
        self.log.iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        let killed = self.process.kill();
        let waited = self.process.wait();
        assert!(killed.is_ok() && waited.is_ok() || thread::panicking());
    }
}

/// Lets it run beside a test and other stations.
fn detached(command: &mut Command) -> &mut Command {
    command
        .env("STATIOND__WEB__PORT", "0")
        .env("STATIOND__LOG__FORMAT", "json")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
}

/// A station that nobody waits for: to be killed at any moment of its life, its start included.
pub(crate) struct Doomed(Child);

impl Doomed {
    pub(crate) fn run(stage: &Stage) -> Doomed {
        let mut command = stationd();
        command.arg("run").arg("--config").arg(stage.config());
        let process = detached(&mut command).stderr(Stdio::null()).spawn();
        Doomed(process.expect("the binary starts"))
    }

    /// `kill -9`; it must have lived until then.
    pub(crate) fn kill(&mut self) {
        assert_eq!(
            self.0.try_wait().expect("own child"),
            None,
            "it ended before it was killed"
        );
        self.0.kill().expect("killed");
        self.0.wait().expect("own child");
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let killed = self.0.kill();
        let waited = self.0.wait();
        assert!(killed.is_ok() && waited.is_ok() || thread::panicking());
    }
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (lines, received) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    received
}

/// The address in the line that says that the station is up.
fn listening(log: &Receiver<String>) -> String {
    let deadline = Instant::now() + LIMIT;
    let mut heard = Vec::new();
    while let Ok(line) = log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        if entry["message"] == "listening" {
            return entry["address"].as_str().expect("an address").to_owned();
        }
        heard.push(line);
    }
    panic!("the station does not come up:\n{}", heard.join("\n"));
}

pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(LIMIT));
    config.build().into()
}

fn answer(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let mut answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().expect("a body");
    let body = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"));
    (status, body)
}

/// A directory with configuration, journal and logs.
pub(crate) struct Stage {
    directory: TempDir,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let stage = Stage {
            directory: TempDir::new().expect("a directory"),
        };
        fs::create_dir(stage.logs()).expect("a log directory");
        stage.follow(&stage.logs());
        stage
    }

    /// A place for another station that follows the same logs.
    pub(crate) fn beside(&self) -> Stage {
        let stage = Stage {
            directory: TempDir::new().expect("a directory"),
        };
        stage.follow(&self.logs());
        stage
    }

    fn follow(&self, logs: &Path) {
        let config = format!(
            "[journal]\npath = {:?}\nsynchronous = \"normal\"\n[repeater]\nlog_directory = {logs:?}\nfile_root = \"MMDVM\"\n",
            self.path("journal.db"),
        );
        fs::write(self.config(), config).expect("a configuration");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("stationd.toml")
    }

    /// Adds sections to the configuration.
    pub(crate) fn configure(&self, text: &str) {
        let mut file = OpenOptions::new()
            .append(true)
            .open(self.config())
            .expect("a configuration");
        file.write_all(text.as_bytes()).expect("written");
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.path("log")
    }

    /// The log of today, opened for appending as the host does.
    pub(crate) fn log(&self) -> Log {
        let (year, month, day) = Timestamp::now().utc_date();
        self.log_named(&format!("MMDVM-{year:04}-{month:02}-{day:02}.log"))
    }

    /// Another file beside it.
    pub(crate) fn log_named(&self, name: &str) -> Log {
        Log::open(&self.logs().join(name))
    }
}

/// A log that a test writes.
pub(crate) struct Log(File);

impl Log {
    fn open(path: &Path) -> Log {
        Log(OpenOptions::new().create(true).append(true).open(path).expect("a log"))
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.record('M', Timestamp::now(), text);
    }

    /// A complaint of the host.
    pub(crate) fn error(&mut self, text: &str) {
        self.record('E', Timestamp::now(), text);
    }

    /// A line of its start-up.
    pub(crate) fn info(&mut self, text: &str) {
        self.record('I', Timestamp::now(), text);
    }

    /// A line of another time.
    pub(crate) fn line_at(&mut self, at: &str, text: &str) {
        self.record('M', at.parse().expect("a time"), text);
    }

    fn record(&mut self, level: char, at: Timestamp, text: &str) {
        let stamp = at.to_string();
        let stamp = stamp.trim_end_matches('Z').replace('T', " ");
        writeln!(self.0, "{level}: {stamp} {text}").expect("written");
    }

    /// A line without level and time.
    pub(crate) fn raw(&mut self, text: &str) {
        writeln!(self.0, "{text}").expect("written");
    }

    /// One whole call.
    pub(crate) fn call(&mut self, callsign: &str) {
        self.begin_call(callsign);
        self.end_call(callsign);
    }

    /// A line that becomes the event `qso_started`.
    pub(crate) fn begin_call(&mut self, callsign: &str) {
        self.line(&format!(
            "DMR Slot 2, received network voice header from {callsign} to TG 9"
        ));
    }

    /// A line that becomes the event `qso_ended`.
    pub(crate) fn end_call(&mut self, callsign: &str) {
        self.line(&format!(
            "DMR Slot 2, received network end of voice transmission from {callsign} to TG 9, 1.2 seconds, 0% packet loss, BER: 0.0%"
        ));
    }
}

/// A subscription to the repeater from here on.
pub(crate) fn repeater() -> Value {
    json!({ "subscribe": ["repeater.*"] })
}
