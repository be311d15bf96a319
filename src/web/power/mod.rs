//! `/api/v1/power`: inverters, batteries and chargers, as they are now, and what can be set on them.

pub(crate) mod history;
pub(crate) mod settings;

use actix_web::web::{Data, Json, Path, ServiceConfig, resource};
use model::power::PowerSystem;
use power::Device;

use super::Api;
use super::paging::Paged;
use super::problem::Problem;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(resource("/api/v1/power").get(list_devices))
        .service(resource("/api/v1/power/system").get(get_system))
        .service(resource("/api/v1/power/{device}").get(get_device))
        .service(resource("/api/v1/power/{device}/settings").get(settings::list_settings))
        .configure(history::routes);
}

/// Every device with its state, its alarms and its newest readings.
#[utoipa::path(get, path = "/api/v1/power", tag = "power", responses(
    (status = 200, description = "The devices, by name", body = Paged<Device>),
))]
pub(crate) async fn list_devices(api: Data<Api>) -> Json<Paged<Device>> {
    let items = power::devices(api.station.journal.signals());
    Json(Paged { items, next: None })
}

/// One device.
#[utoipa::path(get, path = "/api/v1/power/{device}", tag = "power",
    params(("device" = String, Path, description = "Its name in the configuration")), responses(
    (status = 200, description = "The device", body = Device),
    (status = 404, description = "There is no such device", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_device(api: Data<Api>, name: Path<String>) -> Result<Json<Device>, Problem> {
    let devices = power::devices(api.station.journal.signals());
    let device = devices.into_iter().find(|device| device.name == *name);
    device
        .map(Json)
        .ok_or_else(|| Problem::not_found(format_args!("device {:?}", name.as_str())))
}

/// All devices together: what comes from where and goes to where. The signal `power` / `system` says the same.
#[utoipa::path(get, path = "/api/v1/power/system", operation_id = "get_power_system", tag = "power", responses(
    (status = 200, description = "The system", body = PowerSystem),
    (status = 404, description = "There are no devices", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn get_system(api: Data<Api>) -> Result<Json<PowerSystem>, Problem> {
    let system = power::system_now(api.station.journal.signals());
    system.map(Json).ok_or_else(|| Problem::not_found("power system"))
}
