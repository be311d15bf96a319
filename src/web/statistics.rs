//! `/api/v1/repeater/statistics` and `/api/v1/repeater/quality`: calls added up, and how well they were heard.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Data, Json, Query, ServiceConfig, resource};
use journal::Journal;
use model::Timestamp;
use model::repeater::{CallSource, Mode};
use repeater::statistics::{self, By, HOUR_MS, Quality, QualityFilter, Statistics, Window};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use super::paging::{MAX_LIMIT, limit};
use super::problem::{Kind, Problem};
use super::{Api, blocking};

/// The window when nobody says.
const DEFAULT_WINDOW: Duration = Duration::from_hours(24);

/// Longest window, in days: what is added up is read, and reading has to end.
const MAX_WINDOW_DAYS: i64 = 366;

/// Length of a step when nobody says, in seconds.
const DEFAULT_STEP_S: u32 = 3600;

/// How long somebody may wait for their turn to have something added up.
const TURN_LIMIT: Duration = Duration::from_secs(10);

/// Turns at adding up. A year of calls is a long read: only half of the journal's connections are given to such, so that
/// whoever asks for the state or a page of calls finds one of the others free. Clones share the turns.
#[derive(Clone)]
pub(super) struct Adding(Arc<Semaphore>);

impl Adding {
    pub(super) fn new(journal: &Journal) -> Adding {
        Adding::half_of(journal.read_connections())
    }

    fn half_of(connections: u32) -> Adding {
        let turns = (connections / 2).max(1);
        Adding(Arc::new(Semaphore::new(usize::try_from(turns).unwrap_or(1))))
    }

    /// Runs a long read when there is a turn for it. The turn lasts as long as the read, even if nobody waits for it any more.
    pub(super) async fn run<T, E>(&self, read: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Display + Send + 'static,
    {
        let turn = Arc::clone(&self.0).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(TURN_LIMIT, turn).await else {
            return Err(Problem::unavailable("others have statistics added up"));
        };
        blocking(move || {
            let answer = read();
            drop(turn);
            answer
        })
        .await
    }
}

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/repeater/statistics").get(get_statistics))
        .service(resource("/api/v1/repeater/quality").get(get_quality));
}

/// Which calls, put together by what.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StatisticsQuery {
    /// Calls that began at or after this time (RFC 3339, UTC); a day before `to` if absent.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Calls that began before this time (RFC 3339, UTC); now if absent. At most 366 days behind `from`.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// `hour` if absent.
    #[param(value_type = Option<By>)]
    by: By,
    /// Groups, 1 to 1000; 100 if absent. By the hour: all of them, and the window has at most 1000 hours.
    limit: Option<u32>,
}

/// Calls, talk time and busy time of a window, by hour, mode, callsign or destination.
#[utoipa::path(get, path = "/api/v1/repeater/statistics", tag = "repeater", params(StatisticsQuery), responses(
    (status = 200, description = "The sums", body = Statistics),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_statistics(api: Data<Api>, asked: Query<StatisticsQuery>) -> Result<Json<Statistics>, Problem> {
    let window = window(asked.from, asked.to, Timestamp::now())?;
    let by = asked.by;
    let limit = match by {
        By::Hour => in_steps(window, HOUR_MS, "hours")?,
        By::Mode | By::Callsign | By::Destination => limit(asked.limit)?,
    };
    let journal = api.station.journal.clone();
    let sums = move || journal.read(|connection| statistics::statistics(connection, window, by, limit));
    api.adding.run(sums).await.map(Json)
}

/// Which calls, in which steps of time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct QualityQuery {
    /// Calls that began at or after this time (RFC 3339, UTC); a day before `to` if absent.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Calls that began before this time (RFC 3339, UTC); now if absent. At most 366 days behind `from`.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// Length of a step in seconds, 1 to 31622400; 3600 if absent. The window has at most 1000 steps.
    step_s: Option<u32>,
    /// Only calls in this mode.
    mode: Option<Mode>,
    /// Only calls of this callsign.
    callsign: Option<String>,
    /// Only calls from a radio, or from the network.
    source: Option<CallSource>,
}

/// The signal quality of a window.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QualitySeries {
    /// The first instant of the window.
    from: Timestamp,
    /// The first instant behind it.
    to: Timestamp,
    /// Length of a step, in seconds.
    step_s: u32,
    /// Steps in their order; those without calls are left out.
    items: Vec<Quality>,
}

/// Bit errors, packet loss and signal strength over time.
#[utoipa::path(get, path = "/api/v1/repeater/quality", tag = "repeater", params(QualityQuery), responses(
    (status = 200, description = "The series", body = QualitySeries),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_quality(api: Data<Api>, asked: Query<QualityQuery>) -> Result<Json<QualitySeries>, Problem> {
    let asked = asked.into_inner();
    let window = window(asked.from, asked.to, Timestamp::now())?;
    let step_s = asked.step_s.unwrap_or(DEFAULT_STEP_S);
    let step_ms = i64::from(step_s) * 1000;
    in_steps(window, step_ms, "steps")?;
    let filter = QualityFilter {
        mode: asked.mode,
        callsign: asked.callsign,
        source: asked.source,
    };
    let journal = api.station.journal.clone();
    let series = move || journal.read(|connection| statistics::quality(connection, window, step_ms, &filter));
    let items = api.adding.run(series).await?;
    Ok(Json(QualitySeries {
        from: window.from,
        to: window.to,
        step_s,
        items,
    }))
}

fn window(from: Option<Timestamp>, to: Option<Timestamp>, now: Timestamp) -> Result<Window, Problem> {
    let to = to.unwrap_or(now);
    let from = from.unwrap_or_else(|| to.minus(DEFAULT_WINDOW));
    let window = Window { from, to };
    if from >= to {
        return Err(Problem::new(Kind::BadQuery, "from must be before to"));
    }
    if window.length_ms() > MAX_WINDOW_DAYS * 24 * HOUR_MS {
        let detail = format!("from and to are at most {MAX_WINDOW_DAYS} days apart");
        return Err(Problem::new(Kind::BadQuery, detail));
    }
    Ok(window)
}

/// How many steps the window touches, if they are not too many.
fn in_steps(window: Window, step_ms: i64, what: &str) -> Result<u32, Problem> {
    let steps = window
        .length_ms()
        .checked_div(step_ms)
        .and_then(|steps| u32::try_from(steps).ok());
    match steps {
        // A window that begins within an hour ends within one more.
        Some(steps) if steps <= MAX_LIMIT => Ok(steps.saturating_add(2)),
        _ => Err(Problem::new(
            Kind::BadQuery,
            format!("a window has at most {MAX_LIMIT} {what}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::FutureExt;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_unix_ms(hours * HOUR_MS)
    }

    #[test]
    fn window_of_nobody_is_the_last_day() {
        let window = window(None, None, at(100)).unwrap();
        assert_eq!((window.from, window.to), (at(76), at(100)));
    }

    #[test]
    fn window_that_ends_before_it_begins_or_never_is_refused() {
        for (from, to) in [(5, 5), (6, 5), (0, 24 * 367)] {
            let refused = window(Some(at(from)), Some(at(to)), at(0)).unwrap_err();
            assert_eq!(refused.kind(), Kind::BadQuery, "{from} to {to}");
        }
    }

    #[test]
    fn window_is_cut_into_a_bounded_number_of_steps() {
        let window = |hours| Window {
            from: at(0),
            to: at(hours),
        };
        assert_eq!(in_steps(window(24), HOUR_MS, "hours").unwrap(), 26);
        for (hours, step_ms) in [(1001, HOUR_MS), (24, 1000), (24, 0)] {
            assert!(
                in_steps(window(hours), step_ms, "steps").is_err(),
                "{hours} h in {step_ms} ms"
            );
        }
    }

    #[test]
    fn half_of_the_connections_may_add_up_and_never_none() {
        let turns = |connections| Adding::half_of(connections).0.available_permits();
        assert_eq!([1, 2, 3, 4, 32].map(turns), [1, 1, 1, 2, 16]);
    }

    #[actix_web::test]
    async fn turn_lasts_as_long_as_the_read_even_if_its_client_has_left() {
        let adding = Adding::half_of(1);
        let (finish, finished) = mpsc::channel::<()>();
        let read = move || finished.recv().map_err(|error| error.to_string());
        let mut first = Box::pin(adding.run(read));
        assert!((&mut first).now_or_never().is_none());
        drop(first);
        assert_eq!(adding.0.available_permits(), 0);

        let mut second = Box::pin(adding.run(|| Ok::<u32, String>(2)));
        assert!((&mut second).now_or_never().is_none());
        finish.send(()).unwrap();
        assert_eq!(second.await.unwrap(), 2);
    }
}
