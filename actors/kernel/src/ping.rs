//! The watchdog's question. A blanket handler is refused by the compiler (E0210), hence one line an actor.

use actix::Message;

/// Are you there? Answered by `kernel::answers_ping!(MyActor);`.
#[derive(Clone, Copy, Debug)]
pub struct Ping;

impl Message for Ping {
    type Result = ();
}

/// Implements [`Handler<Ping>`](crate::Ping) for an actor: an answer means that its mailbox moves.
#[macro_export]
macro_rules! answers_ping {
    ($actor:ty) => {
        impl ::actix::Handler<$crate::Ping> for $actor {
            type Result = ();

            fn handle(&mut self, _: $crate::Ping, _: &mut Self::Context) {}
        }
    };
}
