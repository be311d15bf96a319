//! The system calls about threads: their names and their realtime priority. The only unsafe code of the kernel.

use std::ffi::CString;
use std::io;

/// Names the calling thread for `top -H` and debuggers; the kernel keeps 15 bytes.
#[allow(
    unsafe_code,
    reason = "a system call that libstd offers only for threads it creates under our control"
)]
pub(super) fn name_thread(name: &str) {
    let Ok(name) = CString::new(name) else { return };
    // SAFETY: PR_SET_NAME reads a NUL-terminated string, which outlives the call, and touches only this thread.
    let refused = unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr(), 0, 0, 0) } != 0;
    if refused {
        tracing::debug!("the thread could not be named");
    }
}

/// A thread as the scheduler knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadId(libc::pid_t);

/// Puts the calling thread under `SCHED_FIFO`. Threads that it creates are ordinary again (`SCHED_RESET_ON_FORK`),
/// else every blocking task would inherit the priority.
///
/// # Errors
/// EPERM without root, CAP_SYS_NICE or an rtprio limit.
#[allow(unsafe_code, reason = "no safe interface to the scheduler")]
pub(super) fn raise_to_fifo(priority: u8) -> io::Result<ThreadId> {
    // SAFETY: the call has no arguments and cannot fail.
    let thread = ThreadId(unsafe { libc::gettid() });
    schedule(
        thread,
        libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK,
        i32::from(priority),
    )?;
    Ok(thread)
}

/// Takes the priority from a thread that hangs: in an endless loop it would keep a whole core to itself.
pub(super) fn lower(thread: ThreadId) {
    if let Err(error) = schedule(thread, libc::SCHED_OTHER, 0) {
        tracing::warn!(%error, "a hung realtime thread keeps its priority");
    }
}

#[allow(unsafe_code, reason = "no safe interface to the scheduler")]
fn schedule(thread: ThreadId, policy: libc::c_int, priority: libc::c_int) -> io::Result<()> {
    // SAFETY: all-zero is a valid value of this plain C structure.
    let mut param: libc::sched_param = unsafe { std::mem::zeroed() };
    param.sched_priority = priority;
    // SAFETY: `param` is initialised and outlives the call; a thread that is gone is refused with ESRCH.
    match unsafe { libc::sched_setscheduler(thread.0, policy, &raw const param) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
