//! The thread that writes the log file, and the bounded queue before it: whoever logs never waits for a disk.
//!
//! Owns: the file. Lines that do not fit the queue, or that the disk refuses, are dropped and counted; the count is logged
//! once a minute and at the end, and so appears in the file too, once it can be written again.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::rotation::RotatingFile;

/// What may wait to be written, in bytes: some ten thousand lines.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// How often dropped lines are told.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// How long the end of the process waits for the disk.
const END_LIMIT: Duration = Duration::from_secs(1);

/// Held while lines may come; its drop waits for those under way.
pub(super) struct LogFile(Arc<Shared>);

/// Takes lines. Clones share the queue.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// A line came, or all are written.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    /// Bytes of these and of those that are being written.
    waiting_bytes: usize,
    /// Lines lost since it was last told.
    dropped: u64,
}

impl LogFile {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(file: RotatingFile) -> io::Result<(LogFile, Lines)> {
        let shared = Arc::new(Shared::default());
        let writer = Writer {
            shared: Arc::clone(&shared),
            file,
            told: None,
            error: None,
        };
        // Never joined: it may hang in a disk that does not answer, and the end of the process must not.
        let _detached = thread::Builder::new()
            .name("log-file".to_owned())
            .spawn(move || writer.run())?;
        Ok((LogFile(Arc::clone(&shared)), Lines(shared)))
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        let _written_or_given_up =
            self.0
                .changed
                .wait_while_for(&mut queue, |queue| queue.waiting_bytes > 0, END_LIMIT);
        let count = std::mem::take(&mut queue.dropped);
        drop(queue);
        if count > 0 {
            tracing::warn!(count, "log lines dropped");
        }
    }
}

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut queue = self.0.queue.lock();
        let waiting = queue.waiting_bytes.saturating_add(line.len());
        if waiting > MAX_WAITING_BYTES {
            queue.dropped = queue.dropped.saturating_add(1);
        } else {
            queue.waiting_bytes = waiting;
            queue.lines.push_back(line.to_vec());
            self.0.changed.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Writer {
    shared: Arc<Shared>,
    file: RotatingFile,
    /// When dropped lines were told last.
    told: Option<Instant>,
    /// Why the newest of them was lost; a full queue has no reason of its own.
    error: Option<io::Error>,
}

impl Writer {
    fn run(mut self) {
        loop {
            let lines = self.wait();
            let mut dropped = 0_u64;
            for line in &lines {
                if let Err(error) = self.file.append(line) {
                    dropped = dropped.saturating_add(1);
                    self.error = Some(error);
                }
            }
            self.done(&lines, dropped);
            self.tell();
        }
    }

    /// The lines that came, or none when dropped ones are to be told.
    fn wait(&self) -> VecDeque<Vec<u8>> {
        let mut queue = self.shared.queue.lock();
        while queue.lines.is_empty() {
            match self.told.filter(|_| queue.dropped > 0) {
                None if queue.dropped > 0 => break,
                None => self.shared.changed.wait(&mut queue),
                Some(told) => {
                    let left = TELL_EVERY.saturating_sub(told.elapsed());
                    if left.is_zero() || self.shared.changed.wait_for(&mut queue, left).timed_out() {
                        break;
                    }
                }
            }
        }
        std::mem::take(&mut queue.lines)
    }

    fn done(&self, lines: &VecDeque<Vec<u8>>, dropped: u64) {
        let bytes: usize = lines.iter().map(Vec::len).sum();
        let mut queue = self.shared.queue.lock();
        queue.waiting_bytes = queue.waiting_bytes.saturating_sub(bytes);
        queue.dropped = queue.dropped.saturating_add(dropped);
        self.shared.changed.notify_all();
    }

    /// Says how many lines are missing, at most once a minute. This is an entry like any other, also of the file.
    fn tell(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        let count = std::mem::take(&mut self.shared.queue.lock().dropped);
        if count > 0 {
            let error = self
                .error
                .take()
                .map_or_else(|| "the disk is too slow".to_owned(), |error| error.to_string());
            self.told = Some(Instant::now());
            tracing::warn!(file = %self.file.path().display(), count, error, "log lines dropped");
        }
    }
}
