//! Where in which file to read next: the decisions of the log tail, without its I/O.
//!
//! MMDVMHost opens a new file with the first line after UTC midnight and lets go of the old one; it may also write one
//! file for ever. Others rename and truncate files behind its back, and after a boot the directory may be empty.
//!
//! A host whose clock goes back returns to a file with an older name: it is followed there, and back, see [`Seen`].
//!
//! **Invariant:** a file is left only when everything in it was read and the host writes elsewhere.

mod cut;
mod mark;
mod names;
mod plan;
mod seen;

pub use cut::{Cut, cut};
pub use mark::Mark;
pub use names::Names;
pub use plan::{FileId, Found, Place, Plan, Position, plan};
pub use seen::Seen;
