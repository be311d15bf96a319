//! Supervision for actix actors, with OTP's semantics.
//!
//! actix loses an actor that panics, and its own `Supervisor` restarts only what stops politely. This kernel owns the
//! futures of its actors instead: it contains panics, finds hangs, replaces lost and stuck threads, and restarts
//! children under [`Strategy::OneForOne`], [`OneForAll`](Strategy::OneForAll) or
//! [`RestForOne`](Strategy::RestForOne), with a limit on how often. Handles ([`ChildRef`]) stay valid throughout.
//!
//! - [`core`] decides: a pure state machine, events and time in, actions out.
//! - The shell performs: threads, tasks, timers. All supervisors are local tasks on one thread that no child shares.
//! - [`Supervision`] shows: the live tree, its changes, health; and takes operators' wishes.
//!
//! A missing device is a state of its actor, not an exit. Exits are for bugs, lost threads and broken invariants.
//!
//! ```
//! use std::time::Duration;
//! use actix::prelude::*;
//! use kernel::{ChildSpec, Strategy, SupervisorSpec};
//! # extern crate stationd_kernel as kernel;
//!
//! #[derive(Message)]
//! #[rtype(result = "u32")]
//! struct Divide(u32, u32);
//!
//! struct Calculator;
//! impl Actor for Calculator {
//!     type Context = Context<Self>;
//! }
//! impl Handler<Divide> for Calculator {
//!     type Result = u32;
//!     fn handle(&mut self, Divide(a, b): Divide, _: &mut Context<Self>) -> u32 {
//!         a / b
//!     }
//! }
//! kernel::answers_ping!(Calculator);
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let limit = Duration::from_secs(1);
//! let spec = ChildSpec::new("calculator", |_env| Ok(Calculator));
//! let calculator = spec.child_ref();
//! let root = SupervisorSpec::new("root").strategy(Strategy::OneForAll).child(spec);
//! let supervision = kernel::launch(root)?;
//! assert_eq!(calculator.wait_up(1).await, 1);
//! assert_eq!(calculator.ask(Divide(6, 3), limit).await, Ok(2));
//! assert_eq!(calculator.ask(Divide(1, 0), limit).await, Err(kernel::AskError::Died));
//! assert_eq!(calculator.wait_up(2).await, 2);
//! assert_eq!(calculator.ask(Divide(8, 2), limit).await, Ok(4));
//! supervision.shutdown(limit).await;
//! # Ok::<(), kernel::LaunchError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "chaos")]
pub mod chaos;
pub mod core;

mod changes;
mod clock;
mod exit;
mod handle;
mod id;
mod life;
mod node;
mod ping;
mod policy;
mod shell;
mod spec;
mod supervision;
mod tree;

pub use crate::changes::{Changes, Heard};
pub use crate::clock::WallTime;
pub use crate::exit::{ExitReason, ExitView};
pub use crate::handle::{AskError, ChildRef, MailboxCounters, Undelivered};
pub use crate::id::{ChildId, ChildPath, ParsePathError};
pub use crate::ping::Ping;
pub use crate::policy::{
    Backoff, HangPolicy, Intensity, OnExhausted, PingPolicy, Placement, Restart, Shutdown, Strategy,
};
pub use crate::shell::launch::{LaunchError, launch};
pub use crate::spec::{Child, ChildEnv, ChildSpec, StartError, SupervisorSpec};
pub use crate::supervision::{OperatorError, OperatorOutcome, Outcome, ShutdownReport, Supervision};
pub use crate::tree::{Change, ExitRecord, Health, HealthCause, MailboxView, TreeChange, TreeNode};
