//! Whole-service tests: the real binary, real files, real sockets on the loopback. Each test runs its own station.

#[cfg(test)]
mod actors;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod broker;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod compat;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod diary;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod kill9;
#[cfg(test)]
mod logging;
#[cfg(test)]
mod mqtt;
#[cfg(test)]
mod mqtt_lost;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod power;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod statistics;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod unread;
