//! `/api/v1/power/{device}/history` and `/energy`: what a device read over time, and how much went through it day by day.

use std::time::Duration;

use actix_web::web::{Data, Json, Path, Query, ServiceConfig, resource};
use model::Timestamp;
use power::history::{self, Asked, EnergyOfDay, Refused, Series, Step};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::web::Api;
use crate::web::paging::{Paged, list};
use crate::web::problem::{Kind, Problem};

/// The window when nobody says.
const DEFAULT_WINDOW: Duration = Duration::from_hours(24);
/// The days when nobody says.
const DEFAULT_DAYS: Duration = Duration::from_hours(24 * 30);
/// Most days of one answer.
const MOST_DAYS: u64 = 3660;
/// Most names of one question.
const MOST_NAMES: usize = 64;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/power/{device}/history").get(get_history))
        .service(resource("/api/v1/power/{device}/energy").get(get_energy));
}

/// How fine the points are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub(crate) enum Fineness {
    /// As fine as fits into 2,000 points and is still kept.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Minutes, which are kept for 30 days.
    #[serde(rename = "1m")]
    Minute,
    /// Quarters of an hour, which are kept for two years.
    #[serde(rename = "15m")]
    Quarter,
    /// Days by UTC.
    #[serde(rename = "1d")]
    Day,
}

/// Which readings, from when to when.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Names of readings, separated by commas; all but switches if absent.
    names: Option<String>,
    /// The first instant, in milliseconds since 1970; a day before `to` if absent.
    from: Option<i64>,
    /// The first instant behind the window; now if absent.
    to: Option<i64>,
    /// `auto` if absent.
    #[param(inline, value_type = Option<Fineness>)]
    step: Fineness,
}

/// Readings over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PowerHistory {
    /// The device.
    device: String,
    /// Length of a step, in seconds.
    step_s: i64,
    /// By name.
    series: Vec<Series>,
}

/// Readings of a device over time: minimum, mean and maximum of each step, and the energy of powers.
#[utoipa::path(get, path = "/api/v1/power/{device}/history", operation_id = "get_power_history", tag = "power",
    params(("device" = String, Path, description = "Its name in the configuration"), HistoryQuery), responses(
    (status = 200, description = "The series", body = PowerHistory),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such device", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_history(
    api: Data<Api>,
    device: Path<String>,
    asked: Query<HistoryQuery>,
) -> Result<Json<PowerHistory>, Problem> {
    let device = device.into_inner();
    let names = list(asked.names.as_deref());
    if names.len() > MOST_NAMES {
        return Err(Problem::new(Kind::BadQuery, format!("names has at most {MOST_NAMES}")));
    }
    let window = window(&asked, Timestamp::now())?;
    let series = read_series(&api, &device, names, window).await?;
    Ok(Json(PowerHistory {
        device,
        step_s: window.step.seconds(),
        series,
    }))
}

/// The series of a device that there is or was.
pub(in crate::web) async fn read_series(
    api: &Api,
    device: &str,
    names: Vec<String>,
    window: Asked,
) -> Result<Vec<Series>, Problem> {
    let (journal, name) = (api.station.journal.clone(), device.to_owned());
    let read = move || journal.read(|connection| history::series(connection, &name, &names, window));
    let series = api.adding.run(read).await?;
    if series.is_empty() {
        refuse_unknown(api, device)?;
    }
    Ok(series)
}

fn refuse_unknown(api: &Api, device: &str) -> Result<(), Problem> {
    let known = api.station.live.running().config.power.contains_key(device);
    known
        .then_some(())
        .ok_or_else(|| Problem::not_found(format_args!("device {device:?}")))
}

fn window(asked: &HistoryQuery, now: Timestamp) -> Result<Asked, Problem> {
    let to = asked.to.map_or(now, Timestamp::from_unix_ms);
    let from = asked
        .from
        .map_or_else(|| to.minus(DEFAULT_WINDOW), Timestamp::from_unix_ms);
    let step = match asked.step {
        Fineness::Auto => None,
        Fineness::Minute => Some(Step::Minute),
        Fineness::Quarter => Some(Step::Quarter),
        Fineness::Day => Some(Step::Day),
    };
    Asked::new(from, to, step, now).map_err(|refused| refusal(&refused))
}

fn refusal(refused: &Refused) -> Problem {
    Problem::new(Kind::BadQuery, refused.to_string())
}

/// Which days.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EnergyQuery {
    /// The first day by UTC, `YYYY-MM-DD`; 30 days before `to` if absent.
    from: Option<String>,
    /// The last day; today if absent. At most 3660 days behind `from`.
    to: Option<String>,
}

/// What went through a device day by day.
#[utoipa::path(get, path = "/api/v1/power/{device}/energy", operation_id = "get_power_energy", tag = "power",
    params(("device" = String, Path, description = "Its name in the configuration"), EnergyQuery), responses(
    (status = 200, description = "The days on which it read anything, the oldest first", body = Paged<EnergyOfDay>),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such device", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_energy(
    api: Data<Api>,
    device: Path<String>,
    asked: Query<EnergyQuery>,
) -> Result<Json<Paged<EnergyOfDay>>, Problem> {
    let to = asked.to.as_deref().map_or(Ok(Timestamp::now()), midnight)?;
    let from = asked.from.as_deref().map_or(Ok(to.minus(DEFAULT_DAYS)), midnight)?;
    if from > to {
        return Err(refusal(&Refused::Backwards));
    }
    let behind = to.plus(Duration::from_hours(24));
    if behind.since(from) > Duration::from_hours(24 * MOST_DAYS) {
        let detail = format!("from and to are at most {MOST_DAYS} days apart");
        return Err(Problem::new(Kind::BadQuery, detail));
    }
    let (journal, name) = (api.station.journal.clone(), device.clone());
    let read = move || journal.read(|connection| history::energy(connection, &name, from, behind));
    let items = api.adding.run(read).await?;
    if items.is_empty() {
        refuse_unknown(&api, &device)?;
    }
    Ok(Json(Paged { items, next: None }))
}

fn midnight(day: &str) -> Result<Timestamp, Problem> {
    let parsed = format!("{day}T00:00:00Z").parse();
    parsed.map_err(|_| {
        Problem::new(
            Kind::BadQuery,
            format!("{day:?} is no day, which is written YYYY-MM-DD"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_of_nobody_is_the_last_day_in_minutes() {
        let now = Timestamp::from_unix_ms(1_800_000_000_000);
        let window = window(&HistoryQuery::default(), now).unwrap();
        assert_eq!((window.to_s - window.from_s, window.step), (86_400, Step::Minute));
    }

    #[test]
    fn day_is_a_day_of_the_calendar_or_refused() {
        assert_eq!(midnight("1970-01-02").unwrap().unix_ms(), 86_400_000);
        for day in ["", "2026-02-30", "yesterday", "2026-11-01T00:00:00Z"] {
            assert_eq!(midnight(day).unwrap_err().kind(), Kind::BadQuery, "{day}");
        }
    }
}
