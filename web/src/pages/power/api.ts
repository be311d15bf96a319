// What the station says about its power system, under short names.
import { type Ask, ask } from "../../api/client";
import type { components } from "../../api/schema";
import type { Paged } from "../../api/types";

type Schemas = components["schemas"];

export type Alarm = Schemas["Alarm"];
export type AlarmKind = Schemas["AlarmKind"];
export type DeviceState = Schemas["DeviceState"];
export type Measured = Schemas["Measured"];

/** What a reading is for the station, whatever its protocol calls it. Services before roles do not tell. */
export type Role =
  | "battery_voltage"
  | "battery_current"
  | "battery_charge_current"
  | "battery_discharge_current"
  | "battery_power"
  | "state_of_charge"
  | "remaining_capacity"
  | "full_capacity"
  | "cell_voltage"
  | "temperature"
  | "solar_power"
  | "solar_voltage"
  | "load_power"
  | "load_apparent_power"
  | "load_current"
  | "load_percent"
  | "output_voltage"
  | "output_frequency"
  | "grid_power"
  | "grid_feed_power"
  | "grid_voltage"
  | "grid_frequency"
  | "mode"
  | "serial"
  | "switch";
export type Reading = Schemas["PowerReading"] & { role?: Role | null };

/** What a device is. Services before classes do not tell. */
export type DeviceClass = "inverter" | "battery" | "charger" | "meter";
export interface Device extends Omit<Schemas["DeviceStatus"], "class"> {
  name: string;
  class?: DeviceClass;
  readings: Record<string, Reading>;
  settings: Record<string, Reading>;
}

type Known = number | null;

/** The plant as a whole, now. */
export interface System {
  at: number;
  solar_w: Known;
  load_w: Known;
  /** Taken from the grid; below zero: given to it. */
  grid_w: Known;
  /** Into the battery; below zero: out of it. */
  battery_w: Known;
  charge_percent: Known;
  battery_v: Known;
  remaining_s: Known;
  toward: "full" | "empty" | null;
  solar_wh_today: Known;
  load_wh_today: Known;
  banks: Bank[];
  units: Unit[];
  alarms: (Alarm & { device: string })[];
  /** Devices whose values are too old to be counted. */
  stale: string[];
}

export interface Bank {
  name: string;
  devices: string[];
  charge_percent: Known;
  battery_v: Known;
  battery_a: Known;
  cell_min_v: Known;
  cell_max_v: Known;
}

/** One of several inverters that work side by side. */
export interface Unit {
  device: string;
  unit: number;
  serial: string;
  mode: string;
  load_w: Known;
}

/** When, lowest, mean, highest. */
export type Point = [number, number | null, number | null, number | null];
export interface Series {
  name: string;
  unit: string;
  points: Point[];
  energy_wh: number | null;
}
export interface History {
  device: string;
  step_s: number;
  series: Series[];
}

export interface EnergyDay {
  day: string;
  solar_wh: Known;
  load_wh: Known;
}

export type Argument =
  | { kind: "choice"; choices: { value: string; label: string }[] }
  | { kind: "number"; min: number; max: number; step: number; unit: string; also: number[] }
  | { kind: "text"; pattern: string };

/** Something about a device that can be changed. */
export interface Setting {
  code: string;
  label: string;
  group: "battery" | "charging" | "output" | "grid" | "other";
  argument: Argument | null;
  current: { value: string; label: string; unit: string; at: string } | null;
  tier: number;
  verb: string;
  undoable: boolean;
}

const of = (device: string, what: string): string => `/api/v1/power/${encodeURIComponent(device)}/${what}`;

export const power = {
  settings: (device: string) => ask<Paged<Setting>>(of(device, "settings")),
  history: (device: string, query: Ask["query"]) => ask<History>(of(device, "history"), { query }),
  energy: (device: string, query: Ask["query"]) => ask<Paged<EnergyDay>>(of(device, "energy"), { query }),
};
