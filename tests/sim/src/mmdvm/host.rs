//! The host itself: an endless log, one scene after the other, in virtual time.
//!
//! Pure: the clock is the time-stamp of the last line. The same settings give the same lines.

use std::time::Duration;
use std::vec;

use model::Timestamp;

use super::call::Voice;
use super::cast::REPEATER;
use super::line::{Level, Line};
use super::script::Script;
use super::{sideline, voice};
use crate::rng::Rng;

/// What the host says until it has opened the modem: a level letter, a blank, the text.
const STARTS: &str = include_str!("host_starts.txt");
/// What it says once the modem has answered.
const READY: &str = include_str!("host_ready.txt");
/// The modem answers so long after it was opened.
const MODEM_ANSWERS: Duration = Duration::from_millis(2011);

/// Something that happens on the repeater while nothing else does.
#[derive(Clone, Copy, Debug, Default)]
enum Scene {
    #[default]
    BothSlots,
    Conversation(Voice),
    Data,
    EndlessOver,
    Fm,
    Link,
    ModemReset,
    Note,
    Packet,
    Page,
    Rejected,
    Signalling,
}

/// How often each happens: mostly speech, a little of everything, trouble now and then.
const PROGRAMME: [(u32, Scene); 17] = [
    (14, Scene::BothSlots),
    (20, Scene::Conversation(Voice::Dmr)),
    (12, Scene::Conversation(Voice::Dstar)),
    (12, Scene::Conversation(Voice::Ysf)),
    (6, Scene::Conversation(Voice::P25)),
    (6, Scene::Conversation(Voice::Nxdn)),
    (6, Scene::Conversation(Voice::M17)),
    (5, Scene::Data),
    (1, Scene::EndlessOver),
    (3, Scene::Fm),
    (3, Scene::Link),
    (1, Scene::ModemReset),
    (2, Scene::Note),
    (3, Scene::Packet),
    (4, Scene::Page),
    (3, Scene::Rejected),
    (3, Scene::Signalling),
];

/// How long the radio is quiet in the past, in minutes on average: by the hour of the day (UTC). People sleep, work, and talk
/// on their way there and back.
const QUIET_MINUTES: [u32; 24] = [
    20, 30, 45, 45, 30, 15, 6, 4, 5, 8, 7, 6, 5, 6, 7, 6, 5, 4, 3, 3, 4, 4, 6, 12,
];

/// What a simulated host is started with.
#[derive(Clone, Copy, Debug)]
pub struct HostSettings {
    /// Decides the traffic.
    pub seed: u64,
    /// The clock at the first line.
    pub start: Timestamp,
    /// `FileLevel`: lines below it are not written.
    pub level: Level,
}

/// A host that has been started: an endless iterator over the lines of its log, in the order of time.
#[derive(Debug)]
pub struct Host {
    script: Script,
    clock: Timestamp,
    /// Until then the traffic is that of a real day; from then on somebody is looking. `None` once they do.
    watched_from: Option<Timestamp>,
    lines: vec::IntoIter<Line>,
}

impl Host {
    /// Starts the host: its first lines are the banner and the configuration.
    #[must_use]
    pub fn new(settings: HostSettings) -> Host {
        Host::with_past(settings, Duration::ZERO)
    }

    /// Starts the host so much earlier: it has a past when somebody begins to look, at `settings.start`.
    #[must_use]
    pub fn with_past(settings: HostSettings, past: Duration) -> Host {
        let mut script = Script::new(Rng::new(settings.seed), settings.level);
        let clock = start_up(&mut script, settings.start.minus(past));
        Host {
            lines: script.take().into_iter(),
            script,
            clock,
            watched_from: Some(settings.start),
        }
    }

    /// The last lines of a host that is told to go. What it had in mind to say is never said.
    #[must_use]
    pub fn farewell(at: Timestamp) -> Vec<Line> {
        let mut script = Script::new(Rng::new(0), Level::Debug);
        script.message(at, "Mode set to Idle");
        script.say(at, Level::Info, "MMDVMHost-20250607 has stopped");
        script.message(at, "Closing the MMDVM");
        script.say(at, Level::Info, "MMDVMHost-20250607 exited on receipt of SIGTERM");
        script.take()
    }

    /// When the next scene begins, and which it is.
    fn plan(&mut self) -> (Timestamp, Scene) {
        let rng = &mut self.script.rng;
        let Some(watched_from) = self.watched_from else {
            return (self.clock.plus(rng.pause(600, 2400)), rng.weigh(&PROGRAMME));
        };
        if self.clock < watched_from {
            let start = self.clock.plus(quiet(rng, self.clock));
            if start < watched_from {
                return (start, rng.weigh(&PROGRAMME));
            }
        }
        // The busiest scene comes first: whoever starts a demo looks at it at once.
        self.watched_from = None;
        let start = self.clock.max(watched_from).plus(Duration::from_secs(1));
        (start, Scene::BothSlots)
    }

    fn next_scene(&mut self) -> Vec<Line> {
        let (start, scene) = self.plan();
        let script = &mut self.script;
        self.clock = match scene {
            Scene::BothSlots => voice::both_slots(script, start),
            Scene::Conversation(mode) => voice::conversation(script, mode, start),
            Scene::Data => sideline::data(script, start),
            Scene::EndlessOver => voice::endless_over(script, start),
            Scene::Fm => sideline::fm(script, start),
            Scene::Link => sideline::link(script, start),
            Scene::ModemReset => sideline::modem_reset(script, start),
            Scene::Note => sideline::note(script, start),
            Scene::Packet => sideline::packet(script, start),
            Scene::Page => sideline::page(script, start),
            Scene::Rejected => sideline::rejected(script, start),
            Scene::Signalling => sideline::signalling(script, start),
        };
        script.take()
    }
}

impl Iterator for Host {
    type Item = Line;

    /// Never `None`: a scene may be all below the level, and then the next one follows.
    fn next(&mut self) -> Option<Line> {
        loop {
            if let Some(line) = self.lines.next() {
                return Some(line);
            }
            self.lines = self.next_scene().into_iter();
        }
    }
}

/// How long nobody speaks at this time of a day.
fn quiet(rng: &mut Rng, at: Timestamp) -> Duration {
    let hour = usize::try_from(at.unix_ms().div_euclid(3_600_000).rem_euclid(24)).unwrap_or(0);
    let minutes = QUIET_MINUTES.get(hour).copied().unwrap_or(1);
    // From a third of it to five thirds.
    rng.pause(minutes * 20_000, minutes * 100_000)
}

fn start_up(script: &mut Script, start: Timestamp) -> Timestamp {
    let ready = start.plus(MODEM_ANSWERS);
    recite(script, STARTS, start);
    recite(script, READY, ready);
    script.message(
        ready.plus(Duration::from_millis(800)),
        "D-Star link status set to \"Linked to REF001 C  \"",
    );
    ready.plus(Duration::from_millis(800))
}

fn recite(script: &mut Script, block: &str, at: Timestamp) {
    for (letter, text) in block.lines().filter_map(|line| line.split_once(' ')) {
        if let Some(level) = Level::from_letter(letter) {
            script.say(at, level, text.replace("{repeater}", REPEATER));
        }
    }
}

/// A finished log in all modes, from a fixed day on, each line with its line feed.
///
/// The first half is a debug log (`FileLevel=1`), most of it frames; then the host was started again to log calls only.
#[must_use]
pub fn log(lines: usize, seed: u64) -> Vec<u8> {
    // 2026-11-21T00:00:00Z
    let mut start = Timestamp::from_unix_ms(1_795_219_200_000);
    let mut text = Vec::new();
    for (level, share) in [(Level::Debug, lines / 2), (Level::Message, lines.div_ceil(2))] {
        for line in Host::new(HostSettings { seed, start, level }).take(share) {
            text.extend_from_slice(line.to_string().as_bytes());
            text.push(b'\n');
            start = line.at;
        }
    }
    text
}
