// The devices and the plant as the signals tell them, and what is worth a look in each. Pure: signals in, values out.
import type { Signal } from "../../api/types";
import type { Device, Reading, Role, System } from "./api";

/** Below this there is no cell: devices send zeros for the places that are not used. In volts. */
const CELL_THERE_V = 0.5;

/** Every device that has shown itself, by name. */
export function devices(signals: Record<string, Signal>): Device[] {
  const names = Object.keys(signals).flatMap((key) => /^power\.([^/]+)\/status$/.exec(key)?.[1] ?? []);
  const part = (name: string, what: string) => signals[`power.${name}/${what}`]?.data ?? {};
  const device = (name: string): Device => ({
    ...(part(name, "status") as unknown as Device),
    name,
    readings: part(name, "readings") as Record<string, Reading>,
    settings: part(name, "settings") as Record<string, Reading>,
  });
  return names.sort().map(device);
}

/** The plant as a whole; services that do not sum it up say nothing. */
export function system(signals: Record<string, Signal>): System | null {
  return (signals["power/system"]?.data as unknown as System | undefined) ?? null;
}

/** Whether nothing comes from it: its values are of the past. */
export const isAway = ({ state }: Device): boolean => state === "offline" || state === "disconnected";

export interface Named extends Reading {
  name: string;
}

export function named(readings: Record<string, Reading>): Named[] {
  return Object.entries(readings).map(([name, reading]) => ({ name, ...reading }));
}

export function numberOf({ value }: Pick<Reading, "value">): number | null {
  return typeof value === "number" ? value : null;
}

/** The readings in a role, in the order of their names. */
export function inRole(device: Device, role: Role): Named[] {
  return named(device.readings).filter((reading) => reading.role === role);
}

/** What a device is about, in the order of what it is for. */
const KEYS: Record<string, readonly Role[]> = {
  inverter: ["mode", "load_power", "solar_power", "grid_power", "battery_voltage", "temperature"],
  battery: ["state_of_charge", "battery_voltage", "battery_current", "battery_power", "temperature"],
  charger: ["solar_power", "battery_voltage", "battery_current", "temperature"],
  meter: ["grid_power", "load_power", "solar_power"],
};
/** Where no role is told: the units that people look for first. */
const UNITS = ["W", "%", "V", "A"];
const MOST_KEYS = 4;

/** What goes into the battery: told as such, or as what goes in and what comes out. */
function current(device: Device): Named | undefined {
  const [whole] = inRole(device, "battery_current");
  if (whole) return whole;
  const [[into], [out]] = [inRole(device, "battery_charge_current"), inRole(device, "battery_discharge_current")];
  const told = into ?? out;
  return told && { ...told, role: "battery_current", value: (into ? (numberOf(into) ?? 0) : 0) - (out ? (numberOf(out) ?? 0) : 0) };
}

/** The few readings that say how a device is. Of several in one role it is the highest: the warmest place counts. */
export function keyReadings(device: Device): Named[] {
  const roles = KEYS[device.class ?? ""] ?? KEYS["inverter"] ?? [];
  const chosen = roles.flatMap((role) => (role === "battery_current" ? current(device) : highest(inRole(device, role))) ?? []);
  if (chosen.length > 0) return chosen.slice(0, MOST_KEYS);
  return UNITS.flatMap((unit) => named(device.readings).find((reading) => reading.unit === unit && numberOf(reading) !== null) ?? []);
}

function highest(readings: Named[]): Named | undefined {
  const value = (reading: Named): number => numberOf(reading) ?? -Infinity;
  return readings.reduce<Named | undefined>((best, reading) => (best && value(best) >= value(reading) ? best : reading), undefined);
}

export interface Cells {
  cells: { number: number; volts: number }[];
  /** Numbers of the lowest and the highest cell. */
  lowest: number;
  highest: number;
  min_v: number;
  max_v: number;
  spread_mv: number;
  /** When the oldest of them was read. */
  at: string;
}

/** The cells of a battery by number; none for whoever has none. */
export function cellsOf(device: Device): Cells | null {
  const isCell = ({ name, unit, role }: Named): boolean => (role ? role === "cell_voltage" : unit === "V" && /cell_?\d+/.test(name));
  const found = named(device.readings).filter(isCell);
  const cells = found
    .map((reading) => ({ number: Number(/\d+/.exec(reading.name)?.[0] ?? 0), volts: numberOf(reading) ?? 0 }))
    .filter(({ volts }) => volts >= CELL_THERE_V)
    .sort((a, b) => a.number - b.number);
  const [first] = cells;
  if (!first || cells.length < 2) return null;
  const low = cells.reduce((a, b) => (b.volts < a.volts ? b : a), first);
  const high = cells.reduce((a, b) => (b.volts > a.volts ? b : a), first);
  return {
    cells,
    lowest: low.number,
    highest: high.number,
    min_v: low.volts,
    max_v: high.volts,
    spread_mv: Math.round((high.volts - low.volts) * 1000),
    at: found.map(({ at }) => at).sort()[0] ?? "",
  };
}
