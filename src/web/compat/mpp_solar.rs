//! The interface of mpp-solar's web page: `/api/data`, `/api/historical`, `/api/command`, `/api/refresh`, and its pages `/lcars`
//! and `/charts`, which are this service's own now.
//!
//! It knew one inverter. Here that is the first by name, or the one that `?device=` names. Names are the protocol's, a value is
//! `[value, unit]`, and an error says `error` beside the problem document. What changes a device passes the gate, as everywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Query, ServiceConfig, resource};
use actix_web::{HttpResponse, ResponseError};
use gate::workflow::Order;
use model::Timestamp;
use model::power::{DeviceClass, Measured, PowerReading, PowerValue, ReadingRole};
use power::history::{Asked, Series};
use power::{AskError, CommandKind, Device};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::effects;
use crate::web::Api;
use crate::web::auth::Caller;
use crate::web::commands::{answer, origin, problem, settled};
use crate::web::power::history::read_series;
use crate::web::problem::{Kind, MEDIA_TYPE, Problem};

/// Hours of history when nobody says.
const DEFAULT_HOURS: u32 = 24;
/// Hours of a year, which is the most.
const YEAR_HOURS: u32 = 8784;
/// The verb that asks a device everything again.
const REFRESH: &str = "power.refresh";

/// What the old history was called behind `mpp_solar_`, and what other protocols have in its place.
const METRICS: [(&str, Option<ReadingRole>); 13] = [
    ("battery_voltage", Some(ReadingRole::BatteryVoltage)),
    ("ac_output_voltage", Some(ReadingRole::OutputVoltage)),
    ("ac_input_voltage", Some(ReadingRole::GridVoltage)),
    ("ac_output_active_power", Some(ReadingRole::LoadPower)),
    ("ac_output_apparent_power", Some(ReadingRole::LoadApparentPower)),
    ("ac_output_load", Some(ReadingRole::LoadPercent)),
    ("inverter_heat_sink_temperature", Some(ReadingRole::Temperature)),
    ("battery_charging_current", Some(ReadingRole::BatteryChargeCurrent)),
    (
        "battery_discharging_current",
        Some(ReadingRole::BatteryDischargeCurrent),
    ),
    ("is_charging_on", None),
    ("is_switched_on", None),
    ("is_load_on", None),
    ("battery_capacity", Some(ReadingRole::StateOfCharge)),
];

pub(in crate::web) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/data").get(get_data))
        .service(resource("/api/historical").get(get_historical))
        .service(resource("/api/historical/all").get(get_historical_all))
        .service(resource("/api/command").post(post_command))
        .service(resource("/api/refresh").get(refresh).post(refresh));
    for (path, place) in [
        ("/lcars", "/power?theme=lcars"),
        ("/charts", "/power"),
        ("/charts/lcars", "/power?theme=lcars"),
    ] {
        let moved = move || async move { HttpResponse::Found().insert_header((LOCATION, place)).finish() };
        config.service(resource(path).get(moved));
    }
}

/// Which device. Unknown parameters are passed over.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct OneDevice {
    /// Its name in the configuration; the first inverter by name if absent.
    device: Option<String>,
}

/// A value and its unit.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct SolarValue(#[schema(value_type = Object)] Option<PowerValue>, String);

/// A device as it is now, sorted as mpp-solar's page showed it.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub(crate) struct SolarData {
    /// The readings.
    status: BTreeMap<String, SolarValue>,
    /// The settings, without the flags.
    settings: BTreeMap<String, SolarValue>,
    /// What it is doing.
    mode: BTreeMap<String, SolarValue>,
    /// What is enabled and what is disabled.
    flags: BTreeMap<String, SolarValue>,
    /// When it was read last.
    timestamp: Option<Timestamp>,
}

/// The device that is meant.
fn one(api: &Api, asked: Option<&str>) -> Option<Device> {
    let devices = power::devices(api.station.journal.signals());
    let is_inverter = |device: &&Device| device.status.class == DeviceClass::Inverter;
    let found = match asked {
        Some(name) => devices.iter().find(|device| device.name == name),
        None => devices.iter().find(is_inverter).or_else(|| devices.first()),
    };
    found.cloned()
}

fn nobody() -> HttpResponse {
    failure(Kind::NotFound, "there is no such device")
}

/// A problem document that says it in `error` as well, where clients of mpp-solar look for it.
fn failure(kind: Kind, error: impl ToString) -> HttpResponse {
    let error = error.to_string();
    let problem = Problem::new(kind, error.as_str());
    let mut document = json!(problem);
    if let Some(document) = document.as_object_mut() {
        document.insert("error".to_owned(), Value::from(error));
    }
    HttpResponse::build(problem.status_code())
        .content_type(MEDIA_TYPE)
        .body(document.to_string())
}

/// What a device says now.
#[utoipa::path(get, path = "/api/data", operation_id = "solar_data", tag = "compatibility", params(OneDevice), responses(
    (status = 200, description = "Readings, settings, mode and flags", body = SolarData),
    (status = 404, description = "There is no such device", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_data(api: Data<Api>, asked: Query<OneDevice>) -> HttpResponse {
    let device = one(&api, asked.device.as_deref());
    device.map_or_else(nobody, |device| HttpResponse::Ok().json(data(device)))
}

fn data(device: Device) -> SolarData {
    let mut data = SolarData {
        timestamp: device.readings.values().map(|reading| reading.at).max(),
        ..SolarData::default()
    };
    for (name, reading) in device.readings {
        let is_mode = reading.role == Some(ReadingRole::Mode);
        let place = if is_mode { &mut data.mode } else { &mut data.status };
        place.insert(name, value(reading.measured));
    }
    for (name, reading) in device.settings {
        let place = if is_flag(&reading) {
            &mut data.flags
        } else {
            &mut data.settings
        };
        place.insert(name, value(reading.measured));
    }
    data
}

fn value(measured: Measured) -> SolarValue {
    SolarValue(measured.value, measured.unit)
}

fn is_flag(reading: &PowerReading) -> bool {
    matches!(&reading.measured.value, Some(PowerValue::Text(text)) if text == "enabled" || text == "disabled")
}

/// How far back. Unknown parameters are passed over.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoricalQuery {
    /// Hours, 1 to 8784; 24 if absent.
    hours: Option<u32>,
    /// The device's name in the configuration; the first inverter by name if absent.
    device: Option<String>,
}

/// A value of the past.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct SolarPoint {
    /// When.
    timestamp: Timestamp,
    /// The mean.
    value: f64,
}

/// The past of the readings that mpp-solar's charts show.
#[utoipa::path(get, path = "/api/historical", operation_id = "solar_historical", tag = "compatibility",
    params(HistoricalQuery), responses(
    (status = 200, description = "Points by metric", body = BTreeMap<String, Vec<SolarPoint>>),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such device", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_historical(api: Data<Api>, asked: Query<HistoricalQuery>) -> Result<HttpResponse, Problem> {
    let hours = asked.hours.unwrap_or(DEFAULT_HOURS);
    if !(1..=YEAR_HOURS).contains(&hours) {
        return Err(Problem::new(Kind::BadQuery, format!("hours must be 1 to {YEAR_HOURS}")));
    }
    historical(&api, asked.device.as_deref(), hours).await
}

/// The same of a year.
#[utoipa::path(get, path = "/api/historical/all", operation_id = "solar_historical_all", tag = "compatibility",
    params(OneDevice), responses(
    (status = 200, description = "Points by metric", body = BTreeMap<String, Vec<SolarPoint>>),
    (status = 404, description = "There is no such device", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_historical_all(api: Data<Api>, asked: Query<OneDevice>) -> Result<HttpResponse, Problem> {
    historical(&api, asked.device.as_deref(), YEAR_HOURS).await
}

async fn historical(api: &Api, device: Option<&str>, hours: u32) -> Result<HttpResponse, Problem> {
    let Some(device) = one(api, device) else {
        return Ok(nobody());
    };
    let to = Timestamp::now();
    let from = to.minus(Duration::from_hours(u64::from(hours)));
    let window = Asked::new(from, to, None, to).map_err(|refused| Problem::new(Kind::BadQuery, refused.to_string()))?;
    let switches = METRICS.iter().filter(|(_, role)| role.is_none());
    let switches = switches.map(|(name, _)| (*name).to_owned()).collect();
    let mut series = read_series(api, &device.name, Vec::new(), window).await?;
    series.extend(read_series(api, &device.name, switches, window).await?);
    Ok(HttpResponse::Ok().json(metrics(&series)))
}

fn metrics(series: &[Series]) -> BTreeMap<String, Vec<SolarPoint>> {
    let metric = |(name, role): &(&str, Option<ReadingRole>)| {
        let named = series.iter().find(|series| series.name == *name);
        let same = || series.iter().find(|series| role.is_some() && series.role == *role);
        let is_switch = role.is_none();
        let point = |(at, _, mean, _): &(i64, f64, f64, f64)| SolarPoint {
            timestamp: Timestamp::from_unix_ms(*at),
            value: if is_switch { mean.round() } else { *mean },
        };
        let points = named
            .or_else(same)
            .map(|series| series.points.iter().map(point).collect());
        (format!("mpp_solar_{name}"), points.unwrap_or_default())
    };
    METRICS.iter().map(metric).collect()
}

/// What to ask, or to set.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct SolarCommand {
    /// As it goes over the wire: `QPIGS`, `PBFT54.0`.
    command: Option<String>,
}

/// Puts a question to a device. What changes it becomes a command of the gate.
#[utoipa::path(post, path = "/api/command", operation_id = "solar_command", tag = "compatibility", params(OneDevice),
    request_body = SolarCommand, responses(
    (status = 200, description = "What the device says, by name; of a setting: the command, which has ended"),
    (status = 202, description = "A setting: the command, which waits for people"),
    (status = 400, description = "No command, or none that the device knows", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "It takes another role", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such device", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "The device does not say it", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The device is not to be reached", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn post_command(
    api: Data<Api>,
    caller: Caller,
    asked: Query<OneDevice>,
    body: Json<SolarCommand>,
) -> Result<HttpResponse, Problem> {
    let Some(code) = body.command.as_deref().filter(|code| !code.is_empty()) else {
        return Ok(failure(Kind::BadRequest, "No command provided"));
    };
    let Some(Device { name: device, .. }) = one(&api, asked.device.as_deref()) else {
        return Ok(nobody());
    };
    let Some((_, protocol)) = api.station.power.device(&device) else {
        return Ok(failure(Kind::Unavailable, "the device is not there"));
    };
    let request = match protocol.request(code) {
        Ok(request) => request,
        Err(error) => return Ok(failure(Kind::BadRequest, error)),
    };
    if request.command().kind() == CommandKind::Setting {
        let Some((setting, value)) = protocol.setting_in(code) else {
            return Ok(failure(Kind::BadRequest, "this station does not write this setting so"));
        };
        let chosen = protocol.choose(&setting);
        let chosen = chosen.map_err(|refusal| Problem::new(Kind::BadRequest, refusal.to_string()))?;
        return set(
            &api,
            &caller,
            &device,
            effects::verb_of(chosen.risk()),
            (&setting, value.as_deref()),
        )
        .await;
    }
    Ok(match api.station.power.ask(&device, code).await {
        Ok(said) => {
            let said: BTreeMap<String, SolarValue> = said.into_iter().map(|(name, said)| (name, value(said))).collect();
            HttpResponse::Ok().json(said)
        }
        Err(error @ AskError::Away(_)) => failure(Kind::Unavailable, error),
        Err(error @ AskError::Unknown(_)) => failure(Kind::BadRequest, error),
        Err(error @ (AskError::Refused(_) | AskError::Silent | AskError::Damaged(_))) => failure(Kind::Internal, error),
    })
}

async fn set(
    api: &Api,
    caller: &Caller,
    device: &str,
    verb: &str,
    (setting, value): (&str, Option<&str>),
) -> Result<HttpResponse, Problem> {
    let mut arguments = Map::from_iter([("setting".to_owned(), Value::from(setting))]);
    arguments.extend(value.map(|value| ("value".to_owned(), Value::from(value))));
    let order = order(caller, device, verb, arguments);
    let submitted = api
        .station
        .gate
        .submit(order, &caller.identity)
        .await
        .map_err(problem)?;
    Ok(answer(&settled(&api.station.gate, submitted).await))
}

fn order(caller: &Caller, device: &str, verb: &str, arguments: Map<String, Value>) -> Order {
    Order {
        target: format!("power.{device}"),
        verb: verb.to_owned(),
        arguments,
        reason: String::new(),
        origin: origin(caller, Some("mpp-solar's interface")),
        not_after: None,
        rolls_back: None,
    }
}

/// Asks the device everything again.
#[utoipa::path(post, path = "/api/refresh", operation_id = "solar_refresh", tag = "compatibility", params(OneDevice), responses(
    (status = 200, description = "`{\"status\": \"Data refreshed\", \"timestamp\": ...}`"),
    (status = 202, description = "A policy wants people to agree: the command, which waits for them"),
    (status = 403, description = "It takes another role", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such device", body = Problem, content_type = "application/problem+json"),
    (status = 500, description = "It could not be done", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn refresh(api: Data<Api>, caller: Caller, asked: Query<OneDevice>) -> Result<HttpResponse, Problem> {
    let Some(Device { name: device, .. }) = one(&api, asked.device.as_deref()) else {
        return Ok(nobody());
    };
    let order = order(&caller, &device, REFRESH, Map::new());
    let submitted = api
        .station
        .gate
        .submit(order, &caller.identity)
        .await
        .map_err(problem)?;
    let command = settled(&api.station.gate, submitted).await;
    if command.is_open() {
        return Ok(answer(&command));
    }
    Ok(match command.error {
        Some(error) => failure(Kind::Internal, error),
        None => HttpResponse::Ok().json(json!({ "status": "Data refreshed", "timestamp": Timestamp::now() })),
    })
}
