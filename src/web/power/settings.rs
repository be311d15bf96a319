//! `/api/v1/power/{device}/settings`: what can be set on a device, what it is now, and through which verb it is changed.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json, Path};
use model::Tier;
use model::power::PowerReading;
use power::settings::{Argument, Current, Item, items};
use power::{Device, DeviceConfig, Group, Protocol};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::Api;
use super::super::paging::Paged;
use super::super::problem::Problem;
use crate::effects;

/// A setting of a device.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PowerSetting {
    /// Its name: the argument `setting` of the verb.
    code: String,
    /// What it is.
    label: String,
    /// What it is about.
    group: Group,
    /// What the verb's argument `value` may be; `null`: it takes none.
    argument: Option<Argument>,
    /// What it is now; `null`: the device does not say, or has not said yet.
    current: Option<Current>,
    /// The verb that changes it.
    verb: &'static str,
    /// How much thought the policy wants of a change.
    #[schema(value_type = u8, minimum = 1, maximum = 4)]
    tier: Tier,
    /// Whether a change can be taken back.
    undoable: bool,
}

/// What can be set on a device. A change is a command: the verb with the target `power.DEVICE` and the arguments `setting`
/// and, where it takes one, `value`.
#[utoipa::path(get, path = "/api/v1/power/{device}/settings", tag = "power",
    params(("device" = String, Path, description = "Its name in the configuration")), responses(
    (status = 200, description = "The settings, in the order of the protocol", body = Paged<PowerSetting>),
    (status = 404, description = "There is no such device", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_settings(api: Data<Api>, name: Path<String>) -> Result<Json<Paged<PowerSetting>>, Problem> {
    let station = &api.station;
    let none = || Problem::not_found(format_args!("device {:?}", name.as_str()));
    let (config, protocol) = station.power.device(&name).ok_or_else(none)?;
    let devices = power::devices(station.journal.signals());
    let device = devices.into_iter().find(|device| device.name == *name);
    let heard = |command: &str| heard(device.as_ref()?, config, &protocol, command);
    let target = format!("power.{name}");
    let shown = |item: Item| {
        let verb = effects::verb_of(item.risk);
        let arguments = Map::from_iter([("setting".to_owned(), Value::from(item.code.as_str()))]);
        PowerSetting {
            tier: station.gate.tier(verb, &target, &arguments),
            verb,
            code: item.code,
            label: item.label,
            group: item.group,
            argument: item.argument,
            current: item.current,
            undoable: item.undoable,
        }
    };
    let items = items(&protocol, heard).into_iter().map(shown).collect();
    Ok(Json(Paged { items, next: None }))
}

/// What a device last said to a command: settings and status may have readings of one name, and are kept apart.
fn heard<'a>(
    device: &'a Device,
    config: &DeviceConfig,
    protocol: &Protocol,
    command: &str,
) -> Option<&'a BTreeMap<String, PowerReading>> {
    let asks = |configured: &[String], own: &[String]| {
        let list = if configured.is_empty() { own } else { configured };
        list.iter().any(|asked| asked == command)
    };
    if asks(&config.settings, protocol.setting_read_commands()) {
        return Some(&device.settings);
    }
    asks(&config.status, protocol.status_commands()).then_some(&device.readings)
}
