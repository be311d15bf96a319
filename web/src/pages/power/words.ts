// The power system in the words of people: readings, states, alarms, and the sentence that says what is true now.
import { NBSP, figure, span } from "../../lib/format";
import type { Tone } from "../../lib/words";
import type { Alarm, AlarmKind, Device, DeviceState, Measured, Role, System } from "./api";
import { isAway } from "./plant";

export const STATES: Record<DeviceState, { word: string; tone: Tone }> = {
  online: { word: "answers", tone: "good" },
  degraded: { word: "answers in part", tone: "attention" },
  probing: { word: "being asked", tone: "off" },
  offline: { word: "silent", tone: "bad" },
  disconnected: { word: "not connected", tone: "bad" },
};

export const CLASSES: Record<string, string> = { inverter: "Inverter", battery: "Battery", charger: "Charger", meter: "Meter" };

/** What a reading is called where its role says it better than its name. */
export const ROLES: Partial<Record<Role, string>> = {
  mode: "Mode",
  battery_voltage: "Battery",
  battery_current: "Current",
  battery_power: "Battery power",
  state_of_charge: "Charge",
  temperature: "Warmest",
  solar_power: "Sun",
  load_power: "Load",
  grid_power: "Grid",
};

export const ALARMS: Record<AlarmKind, { title: string; unit: string; digits: number }> = {
  battery_low_voltage: { title: "Battery voltage is low", unit: "V", digits: 1 },
  battery_low_charge: { title: "Battery is nearly empty", unit: "%", digits: 0 },
  over_temperature: { title: "Too hot", unit: "°C", digits: 0 },
  cell_imbalance: { title: "Cells differ too much", unit: "V", digits: 3 },
  fault: { title: "Fault", unit: "", digits: 0 },
  warning: { title: "Warning", unit: "", digits: 0 },
  sun_gone: { title: "Nothing comes from the sun", unit: "W", digits: 0 },
  device_silent: { title: "Says nothing", unit: "", digits: 0 },
};

/** Kinds that are about no single reading. */
const OF_ALL: ReadonlySet<AlarmKind> = new Set(["cell_imbalance", "sun_gone"]);

/** What is wrong, with the value that says so and the limit that it passed. */
export function alarmWords(alarm: Alarm): { title: string; about: string } {
  const { title, unit, digits } = ALARMS[alarm.kind] ?? { title: alarm.text, unit: "", digits: 1 };
  const told = (value: number): string => quantity(value, unit, digits);
  const bits = alarm.kind === "fault" || alarm.kind === "warning";
  if (alarm.kind === "device_silent" || bits) return { title: bits ? `${title}: ${name(alarm.reading)}` : title, about: alarm.text };
  const value = typeof alarm.value === "number" ? told(alarm.value) : alarm.text;
  const limit = typeof alarm.limit === "number" ? `, the limit is ${told(alarm.limit)}` : "";
  const where = alarm.reading && !OF_ALL.has(alarm.kind) ? ` at ${name(alarm.reading).toLowerCase()}` : "";
  return { title, about: `${value}${where}${limit}` };
}

const SHORT = new Set(["ac", "dc", "sbu", "pv", "scc", "bms", "soc", "lcd", "mos", "mppt", "ups", "id"]);

/** A reading's name as people write it: `ac_output_voltage` is "AC output voltage". */
export function name(key: string): string {
  const words = key.replaceAll(/[_-]+/g, " ").trim().split(" ");
  return words.map((word, n) => (SHORT.has(word.toLowerCase()) ? word.toUpperCase() : n === 0 ? word.charAt(0).toUpperCase() + word.slice(1) : word)).join(" ");
}

export function quantity(value: number, unit: string, digits = digitsOf(value, unit)): string {
  return unit ? `${figure(value, digits)}${NBSP}${unit}` : figure(value, digits);
}

/** Decimals that mean something: millivolts of a cell, tenths of a battery, none of a watt. */
export function digitsOf(value: number, unit: string): number {
  if (value === 0 || (Number.isInteger(value) && unit !== "V")) return 0;
  if (unit === "V") return Math.abs(value) < 10 ? 3 : Math.abs(value) < 100 ? 1 : 0;
  if (unit === "A" || unit === "Hz" || unit === "kWh" || unit === "°C") return 1;
  if (unit === "W" || unit === "VA" || unit === "%" || unit === "Wh") return 0;
  return 2;
}

/** A value in words: what is a number in the language of devices may be a yes. */
export function valueWords({ value, unit, gap }: Measured): { text: string; unit: string } {
  if (value === null || value === undefined) return { text: gap ? `– (${gap})` : "–", unit: "" };
  if (typeof value === "string") return { text: value, unit };
  if (unit === "bool") return { text: value === 0 ? "no" : "yes", unit: "" };
  return { text: figure(value, digitsOf(value, unit)), unit };
}

const KILO = 1000;

/** Power in the unit that leaves three figures: 420 W, 1.85 kW. */
export function watts(value: number | null | undefined, sign = false): { text: string; unit: string } {
  if (value === null || value === undefined) return { text: "–", unit: "" };
  const plus = sign && value > 0 ? "+" : "";
  const size = Math.abs(value);
  if (size < KILO) return { text: `${plus}${figure(Math.round(value))}`, unit: "W" };
  return { text: `${plus}${figure(value / KILO, size < 10 * KILO ? 2 : 1)}`, unit: "kW" };
}

/** Energy likewise: 840 Wh, 3.1 kWh. */
export function wattHours(value: number): string {
  if (Math.abs(value) < KILO) return `${figure(value)}${NBSP}Wh`;
  return `${figure(value / KILO, 1)}${NBSP}kWh`;
}

export const joined = ({ text, unit }: { text: string; unit: string }): string => `${text}${NBSP}${unit}`;

/** Below this nothing flows worth a word, in watts. */
export const IDLE_W = 5;

/** What the battery does, in a word. */
export function batteryWord(w: number | null): string {
  if (w === null) return "";
  return w > IDLE_W ? "charging" : w < -IDLE_W ? "discharging" : "resting";
}

/** How long until it is full or empty, if it goes on like this. */
export function remaining({ toward, remaining_s }: System): string {
  return toward && remaining_s !== null ? `${toward} in ${span(remaining_s)}` : "";
}

/** What is true now. */
export function sentence(devices: Device[], system: System | null): string {
  const away = devices.filter(isAway);
  if (away.length === devices.length) return "No device says anything.";
  const silence = away.length > 0 ? ` Nothing comes from ${and(away.map((device) => device.name))}.` : "";
  if (!system) return silence ? silence.trim() : `${devices.length === 1 ? "The device answers" : `All ${devices.length} devices answer`}.`;
  const { solar_w: sun, load_w: load, charge_percent: charge } = system;
  const source = sun === null ? "" : sun > IDLE_W ? `The sun gives ${joined(watts(sun))}` : "There is no sun";
  const sink = load === null ? "" : `${source ? "the" : "The"} load takes ${joined(watts(load))}`;
  const flow = [source, sink].filter(Boolean).join(", ");
  const time = remaining(system);
  const battery = charge === null ? "" : ` The battery is at ${figure(charge)}${NBSP}%${time ? ` and ${time}` : ""}.`;
  return `${flow ? `${flow}.` : ""}${battery}${silence}`.trim() || "Nobody tells where the energy goes.";
}

function and(names: string[]): string {
  return names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** Power as it is told everywhere on the page; nothing for other quantities. */
export function numberOfWatts({ value, unit }: Measured): { text: string; unit: string } | null {
  return unit === "W" && typeof value === "number" ? watts(value) : null;
}
