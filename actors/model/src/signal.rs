//! Signals: values of this moment. Latest wins; never stored, never queued.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{Source, Timestamp};

/// The present value of something that changes often (a level, a progress, the supervisor tree).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Signal {
    /// When it was taken.
    pub at: Timestamp,
    /// Who says it.
    pub source: Source,
    /// What is measured.
    #[serde(rename = "signal")]
    #[schema(value_type = String)]
    pub name: Arc<str>,
    /// The value.
    #[schema(value_type = Object)]
    pub data: Arc<RawValue>,
}
