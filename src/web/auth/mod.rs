//! Who asks: every handler that acts or hides something takes a [`Caller`].

mod caller;

pub(crate) use caller::Caller;
