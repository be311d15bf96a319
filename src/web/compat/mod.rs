//! The interfaces of the systems that this service replaces, so that their clients keep working. One file a system, each a thin
//! translation: nothing is known here that the API proper does not tell.

pub(super) mod mmdvm;
pub(super) mod mpp_solar;
