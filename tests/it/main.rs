//! Whole-service tests: the real binary, real files, real sockets on the loopback. Each test runs its own station.

#[cfg(test)]
mod actors;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod ble;
#[cfg(test)]
mod broker;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod compat;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod diary;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod follow;
#[cfg(test)]
mod gate;
#[cfg(feature = "chaos")]
#[cfg(test)]
mod gate_kill;
#[cfg(test)]
mod gateways;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod kill9;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod logging;
#[cfg(test)]
mod mqtt;
#[cfg(test)]
mod mqtt_lost;
#[cfg(test)]
mod people;
#[cfg(test)]
mod plug;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod power;
#[cfg(test)]
mod power_cli;
#[cfg(test)]
mod power_history;
#[cfg(test)]
mod power_settings;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod statistics;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod unread;
