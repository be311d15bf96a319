//! What must hold for any input: one function a way in, each given bytes as a stranger might send them.
//!
//! Two callers: the targets of `fuzz/`, which search for as long as they are let, and this crate's own tests, which take the
//! seeds and some hundred mutations of them in every run of the tests. A function returns, or it panics and says which promise
//! is broken.

// The configuration belongs to the service, which is a program and no library; its sources stand by themselves.
#[allow(dead_code, unused_imports, reason = "the service uses the rest")]
#[path = "../../../src/config/mod.rs"]
mod config;

mod configuration;
mod grammar;
mod ledger;
mod mqtt_json;
mod power_answer;
mod power_protocol;
mod state_machine;
mod websocket_message;

pub use configuration::configuration;
pub use grammar::grammar;
pub use mqtt_json::mqtt_json;
pub use power_answer::{power_caret, power_daly, power_jbd, power_jk, power_modbus, power_vedirect, power_voltronic};
pub use power_protocol::power_protocol;
pub use state_machine::state_machine;
pub use websocket_message::websocket_message;
