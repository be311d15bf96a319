//! How well the repeater heard its callers over time: bit errors, packet loss and signal strength, step by step.

use model::Timestamp;
use model::repeater::{CallSource, Mode};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use serde::Serialize;
use utoipa::ToSchema;

use super::Window;

/// Which calls the signal quality is asked of; what is `None` is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QualityFilter {
    /// In this mode.
    pub mode: Option<Mode>,
    /// Of this callsign.
    pub callsign: Option<String>,
    /// From a radio, or from the network.
    pub source: Option<CallSource>,
}

/// Signal quality over one step of time. Means are weighted by talk time; null where no call told.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Quality {
    /// Where the step begins.
    pub at: Timestamp,
    /// Calls that began in it.
    pub calls: u64,
    /// Mean bit error rate, in percent.
    pub ber_percent: Option<f64>,
    /// Highest bit error rate of a call, in percent.
    pub ber_max_percent: Option<f64>,
    /// Mean packet loss of network calls, in percent.
    pub loss_percent: Option<f64>,
    /// Mean signal strength of radio calls, in dBm.
    pub rssi_dbm: Option<f64>,
    /// Lowest mean signal strength of a call, in dBm.
    pub rssi_min_dbm: Option<i64>,
}

/// The signal quality over a window, step by step; steps without calls are left out.
///
/// # Errors
/// When the tables cannot be read.
pub fn quality(
    connection: &Connection,
    window: Window,
    step_ms: i64,
    filter: &QualityFilter,
) -> rusqlite::Result<Vec<Quality>> {
    let step_ms = step_ms.max(1);
    let from = window.from.unix_ms();
    let mut values: Vec<Value> = [from, window.to.unix_ms()].map(Value::Integer).into();
    let mut conditions = String::new();
    let text = |text: &str| Value::Text(text.to_owned());
    for (condition, value) in [
        (" AND mode = ?", filter.mode.map(|mode| text(mode.as_str()))),
        (" AND callsign = ?", filter.callsign.as_deref().map(text)),
        (" AND source = ?", filter.source.map(|source| text(source.as_str()))),
    ] {
        if let Some(value) = value {
            conditions.push_str(condition);
            values.push(value);
        }
    }
    let sql = format!(
        "SELECT started_ms, talk_s, ber_percent, loss_percent, rssi_dbm
         FROM repeater_calls INDEXED BY repeater_calls_by_start
         WHERE started_ms >= ? AND started_ms < ?{conditions} ORDER BY started_ms"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(params_from_iter(values))?;
    let mut series: Vec<(i64, Heard)> = Vec::new();
    while let Some(row) = rows.next()? {
        let began: i64 = row.get(0)?;
        let step = began.saturating_sub(from).div_euclid(step_ms);
        match series.last_mut().filter(|(newest, _)| *newest == step) {
            Some((_, heard)) => heard.add(row)?,
            None => {
                let mut heard = Heard::default();
                heard.add(row)?;
                series.push((step, heard));
            }
        }
    }
    let at = |step: i64| Timestamp::from_unix_ms(from.saturating_add(step.saturating_mul(step_ms)));
    Ok(series.iter().map(|(step, heard)| heard.told(at(*step))).collect())
}

/// Shortest weight of a call, in seconds: one without a length has told its figures all the same.
const MIN_WEIGHT_S: f64 = 0.001;

/// The calls of a step, as they were heard.
#[derive(Debug, Default)]
struct Heard {
    calls: u64,
    ber: Mean,
    ber_max: Option<f64>,
    loss: Mean,
    rssi: Mean,
    rssi_min: Option<i64>,
}

impl Heard {
    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let weight = row.get::<_, f64>(1)?.max(MIN_WEIGHT_S);
        let (ber, loss): (Option<f64>, Option<f64>) = (row.get(2)?, row.get(3)?);
        let (rssi, rssi_dbm): (Option<f64>, Option<i64>) = (row.get(4)?, row.get(4)?);
        self.calls += 1;
        self.ber.add(ber, weight);
        self.ber_max = [self.ber_max, ber].into_iter().flatten().reduce(f64::max);
        self.loss.add(loss, weight);
        self.rssi.add(rssi, weight);
        self.rssi_min = [self.rssi_min, rssi_dbm].into_iter().flatten().min();
        Ok(())
    }

    fn told(&self, at: Timestamp) -> Quality {
        Quality {
            at,
            calls: self.calls,
            ber_percent: self.ber.told(),
            ber_max_percent: self.ber_max,
            loss_percent: self.loss.told(),
            rssi_dbm: self.rssi.told(),
            rssi_min_dbm: self.rssi_min,
        }
    }
}

/// A mean, weighted by talk time.
#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, figure: Option<f64>, weight: f64) {
        if let Some(figure) = figure {
            self.sum += figure * weight;
            self.weight += weight;
        }
    }

    /// `None` where no call told.
    fn told(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| thousandths(self.sum / self.weight))
    }
}

/// Beyond that there is only the noise of adding.
fn thousandths(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}
