//! The line between a device and its reader: a pseudo-terminal behind a link, with all the faults of a real one.
//!
//! Owns: the pseudo-terminal and the link; both go when it is dropped, which is what pulling the plug looks like.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::time::{interval, sleep};

use super::device::DeviceKind;
use super::plant::Plant;
use crate::rng::Rng;

/// Pause while nobody has the other end open.
const NOBODY: Duration = Duration::from_millis(20);
/// How often a device that talks by itself does.
const SAYS_EVERY: Duration = Duration::from_secs(1);
/// Most kinds of question that are counted.
const MOST_COUNTED: usize = 64;
/// Most frames that are kept.
const MOST_LOGGED: usize = 256;

/// What is wrong with a line.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Time before an answer.
    pub latency: Duration,
    /// Answers of 100 that are not sent.
    pub drop_percent: u32,
    /// Answers of 100 in which one bit is wrong.
    pub corrupt_percent: u32,
    /// Whether the request comes back before the answer.
    pub echo: bool,
    /// Bytes to a piece, with a pause between; 0: the whole at once.
    pub split: usize,
    /// What begins so is done, and not answered.
    pub mute: &'static [u8],
    /// How many seconds of the plant go by in one of ours.
    pub speed: f64,
}

/// What is shared with whoever watches the line.
#[derive(Clone, Debug, Default)]
pub struct Knobs(Arc<Mutex<Panel>>);

#[derive(Debug, Default)]
struct Panel {
    faults: Faults,
    /// How often each question was heard, and when.
    heard: BTreeMap<Vec<u8>, Heard>,
    /// What was heard last, the oldest first.
    log: VecDeque<Vec<u8>>,
}

/// A question over time.
#[derive(Clone, Copy, Debug)]
struct Heard {
    count: u32,
    first: Instant,
    last: Instant,
}

impl Knobs {
    fn lock(&self) -> MutexGuard<'_, Panel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns the knobs.
    pub fn set(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// How often a question that begins so was heard.
    #[must_use]
    pub fn heard(&self, begins: &[u8]) -> u32 {
        self.lock()
            .heard
            .iter()
            .filter(|(asked, _)| asked.starts_with(begins))
            .map(|(_, heard)| heard.count)
            .sum()
    }

    /// The frames that were heard last, the oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Vec<u8>> {
        self.lock().log.iter().cloned().collect()
    }

    /// Time between two of the same question, on average since the counts began; none of what was heard less than twice.
    #[must_use]
    pub fn period(&self, begins: &[u8]) -> Option<Duration> {
        let panel = self.lock();
        let (_, heard) = panel.heard.iter().find(|(asked, _)| asked.starts_with(begins))?;
        (heard.last - heard.first).checked_div(heard.count.checked_sub(1)?)
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        self.lock().heard.clear();
    }

    fn note(&self, asked: &[u8]) {
        tracing::debug!(frame = %asked.escape_ascii(), "heard");
        let panel = &mut *self.lock();
        if panel.log.len() == MOST_LOGGED {
            panel.log.pop_front();
        }
        panel.log.push_back(asked.to_vec());
        let (counts, now) = (&mut panel.heard, Instant::now());
        if counts.len() < MOST_COUNTED || counts.contains_key(asked) {
            let new = Heard {
                count: 0,
                first: now,
                last: now,
            };
            let heard = counts.entry(asked.to_vec()).or_insert(new);
            (heard.count, heard.last) = (heard.count.saturating_add(1), now);
        }
    }

    fn faults(&self) -> Faults {
        self.lock().faults.clone()
    }
}

/// A device on a pseudo-terminal.
#[derive(Debug)]
pub struct Line {
    master: File,
    /// The other end's name, and what leads to it.
    terminal: PathBuf,
    link: PathBuf,
}

impl Line {
    /// Opens a new pseudo-terminal and puts `link` in front of it, in the place of what was there.
    ///
    /// # Errors
    /// When there is none to be had, or the link cannot be made.
    pub fn plug_in(link: &Path) -> io::Result<Line> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let mut line = tcgetattr(&master)?;
        line.make_raw();
        tcsetattr(&master, OptionalActions::Now, &line)?;
        rustix::io::ioctl_fionbio(&master, true)?;
        let terminal = ptsname(&master, Vec::new())?;
        let terminal = PathBuf::from(OsStr::from_bytes(terminal.to_bytes()));
        let master = File::from(master);
        if link.is_symlink() {
            fs::remove_file(link)?;
        }
        std::os::unix::fs::symlink(&terminal, link)?;
        Ok(Line {
            master,
            terminal,
            link: link.to_owned(),
        })
    }

    /// Answers as the device does, until the line breaks for good or this is dropped.
    ///
    /// # Errors
    /// When the pseudo-terminal cannot be waited for.
    pub async fn serve(self, kind: DeviceKind, mut plant: Plant, knobs: Knobs, seed: u64) -> io::Result<()> {
        let mut outgoing = Sender::from_file_unchecked(self.master.try_clone()?)?;
        let mut incoming = Receiver::from_file_unchecked(self.master.try_clone()?)?;
        let (mut heard, mut rng) = (Vec::new(), Rng::new(seed));
        let mut second = interval(SAYS_EVERY);
        loop {
            let mut chunk = [0; 64];
            let said = tokio::select! {
                read = incoming.read(&mut chunk) => match read {
                    Ok(len) => {
                        heard.extend(chunk.iter().take(len));
                        None
                    }
                    // Nobody has the other end open.
                    Err(_) => {
                        heard.clear();
                        sleep(NOBODY).await;
                        None
                    }
                },
                _ = second.tick() => {
                    plant.advance(SAYS_EVERY.as_secs_f64() * knobs.faults().speed.max(1.0));
                    kind.says(&plant)
                }
            };
            let said = said.or_else(|| {
                let (len, answer) = kind.answer(&mut plant, &heard)?;
                let asked: Vec<u8> = heard.drain(..len.min(heard.len())).collect();
                knobs.note(&asked);
                let mute = knobs.faults().mute;
                if !mute.is_empty() && asked.starts_with(mute) {
                    return None;
                }
                Some(if knobs.faults().echo {
                    [asked, answer].concat()
                } else {
                    answer
                })
            });
            if let Some(said) = said {
                say(&mut outgoing, said, &knobs.faults(), &mut rng).await;
            }
        }
    }
}

async fn say(outgoing: &mut Sender, mut said: Vec<u8>, faults: &Faults, rng: &mut Rng) {
    sleep(faults.latency).await;
    if rng.chance(faults.drop_percent) {
        return;
    }
    if rng.chance(faults.corrupt_percent) {
        let last = u32::try_from(said.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let at = usize::try_from(rng.between(0, last)).unwrap_or(0);
        let bit = rng.between(0, 7);
        if let Some(byte) = said.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }
    let piece = if faults.split == 0 {
        said.len().max(1)
    } else {
        faults.split
    };
    for piece in said.chunks(piece) {
        // A reader that is gone misses what is said.
        if outgoing.write_all(piece).await.is_err() {
            return;
        }
        if faults.split > 0 {
            sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // The link may be gone, or lead to our successor by now.
        let is_ours = fs::read_link(&self.link).is_ok_and(|terminal| terminal == self.terminal);
        let _gone = is_ours && fs::remove_file(&self.link).is_ok();
    }
}
