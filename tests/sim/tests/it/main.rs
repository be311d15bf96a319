//! The simulators as others use them: real files, and for the actors the real kernel.

mod host;
mod mmdvm_host;
