//! The rules in force. They may change while the gate works: what was asked for before keeps its tier.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::config::GateConfig;
use crate::policy::{Policy, RuleError};

/// The policy, and the section that it was read from.
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) config: GateConfig,
}

/// Where the rules are looked up.
pub(crate) struct RuleBook(RwLock<Arc<Rules>>);

impl RuleBook {
    pub(crate) fn new(config: &GateConfig) -> Result<RuleBook, RuleError> {
        Ok(RuleBook(RwLock::new(read(config)?)))
    }

    /// A section with a rule that is none changes nothing.
    pub(crate) fn replace(&self, config: &GateConfig) -> Result<(), RuleError> {
        let rules = read(config)?;
        *self.0.write() = rules;
        Ok(())
    }

    pub(crate) fn get(&self) -> Arc<Rules> {
        Arc::clone(&self.0.read())
    }
}

fn read(config: &GateConfig) -> Result<Arc<Rules>, RuleError> {
    let policy = Policy::new(&config.rules)?;
    let config = config.clone();
    Ok(Arc::new(Rules { policy, config }))
}
