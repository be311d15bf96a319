// What is drawn of the past: which readings, in which charts and colours; and the answers of the service as charts take them.
import type { Ink, Series as Drawn } from "../../charts/options";
import type { Device, DeviceClass, History, Point, Role } from "./api";
import { type Named, inRole, named, numberOf } from "./plant";
import { ROLES, name as titleOf } from "./words";

export interface Line {
  device: string;
  name: string;
  label: string;
  ink: Ink;
  /** Lines of one chart have this in common. */
  chart: string;
  unit: string;
}

const INKS: Partial<Record<Role, Ink>> = { solar_power: "--d-sun", load_power: "--d-load", grid_power: "--d-grid", battery_power: "--d-battery", state_of_charge: "--d-battery", battery_voltage: "--d-battery" };
/** For quantities without a colour of their own, and for the second of a kind. */
const SPARE: readonly Ink[] = ["--d-other", "--d-grid", "--d-load", "--d-sun", "--d-battery"];

/** Who tells of the battery best, if several do: those of the first class that has it. Sun and load are told in parts, each once. */
const BEST: Partial<Record<Role, readonly DeviceClass[]>> = {
  battery_voltage: ["battery", "inverter", "charger"],
  state_of_charge: ["battery", "inverter", "charger"],
};

export function sources(devices: Device[], role: Role): Device[] {
  const having = devices.filter((device) => inRole(device, role).length > 0);
  const best = BEST[role]?.find((kind) => having.some((device) => device.class === kind));
  return best ? having.filter((device) => device.class === best) : having;
}

/** The charts of the plant as a whole. */
const PLANT: readonly { chart: string; roles: readonly Role[] }[] = [
  { chart: "Power", roles: ["solar_power", "load_power", "grid_power"] },
  { chart: "Charge", roles: ["state_of_charge"] },
  { chart: "Battery voltage", roles: ["battery_voltage"] },
];

export function plantLines(devices: Device[]): Line[] {
  return PLANT.flatMap(({ chart, roles }) => {
    const found = roles.flatMap((role) => sources(devices, role).map((device) => ({ device, role, reading: inRole(device, role)[0] })));
    const lines = found.flatMap(({ device, role, reading }) => {
      if (!reading) return [];
      const several = found.filter((other) => other.role === role).length > 1;
      const quantity = ROLES[role] ?? titleOf(reading.name);
      const label = !several ? quantity : roles.length > 1 ? `${quantity}, ${device.name}` : device.name;
      return [{ device: device.name, name: reading.name, label, ink: INKS[role] ?? "--accent", chart, unit: reading.unit }];
    });
    return coloured(lines);
  });
}

/** A colour twice in a chart would be none. */
function coloured(lines: Line[]): Line[] {
  const used = new Set<Ink>();
  return lines.map((line) => {
    const ink = used.has(line.ink) ? (SPARE.find((spare) => !used.has(spare)) ?? line.ink) : line.ink;
    used.add(ink);
    return { ...line, ink };
  });
}

function grouped<T>(items: T[], by: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(by(item), [...(groups.get(by(item)) ?? []), item]);
  return groups;
}

/** Volts of cells, of batteries and of the mains do not share an axis. */
const VOLTAGES: readonly [number, string][] = [
  [10, "Cell voltage"],
  [100, "Battery voltage"],
];
const CHARTS: Record<string, string> = { W: "Power", VA: "Apparent power", A: "Current", "%": "Percent", "°C": "Temperature", Hz: "Frequency" };

function chartOf(reading: Named): string {
  const value = Math.abs(numberOf(reading) ?? 0);
  if (reading.unit === "V") return VOLTAGES.find(([below]) => value < below)?.[1] ?? "Voltage";
  return CHARTS[reading.unit] ?? (reading.unit ? `In ${reading.unit}` : "Counts");
}

/** The cells of a battery have one past: the lowest, the mean, the highest. */
const CELLS = "cell_voltage";
/** No quantities, although some are told as numbers. */
const UNDRAWN: readonly (Role | null | undefined)[] = ["switch", "mode", "serial", CELLS];

/** The readings of a device whose past is kept: numbers with a role; of a service without roles, every number. */
export function drawable(device: Device): Named[] {
  const all = named(device.readings).filter((reading) => numberOf(reading) !== null && reading.unit !== "bool");
  if (!all.some(({ role }) => role)) return all;
  const [cell] = inRole(device, CELLS);
  return [...all.filter(({ role }) => role && !UNDRAWN.includes(role)), ...(cell ? [{ ...cell, name: CELLS }] : [])];
}

/** What says most about a device over time. */
const TELLING: readonly (Role | null | undefined)[] = ["solar_power", "load_power", "grid_power", "battery_power", "battery_current", "battery_voltage", "state_of_charge", "temperature"];

/** What is drawn of a device unless somebody chose; of a service without roles, watts and percents. */
export function usual(device: Device): string[] {
  const all = drawable(device);
  const roles = all.filter(({ role }) => TELLING.includes(role));
  return (roles.length > 0 ? roles : all.filter(({ unit }) => unit === "W" || unit === "%")).map(({ name }) => name);
}

export function deviceLines(device: Device, names: string[]): Line[] {
  const readings = drawable(device).filter(({ name }) => names.includes(name));
  const charts = grouped(readings, chartOf);
  return [...charts].flatMap(([chart, inside]) =>
    coloured(
      inside.map(({ name, role, unit }) => ({ device: device.name, name, label: titleOf(name), ink: (role ? INKS[role] : undefined) ?? "--d-other", chart, unit })),
    ),
  );
}

export interface Plot {
  title: string;
  unit: string;
  x: number[];
  series: Drawn[];
}

/** The charts of these lines. `grid` gives the steps of the range, so that a gap is a gap. */
export function plots(lines: Line[], answers: History[], grid: (step_s: number) => number[]): Plot[] {
  const step_s = Math.max(60, ...answers.map((answer) => answer.step_s));
  const x = grid(step_s);
  const charts = grouped(lines, ({ chart }) => chart);
  return [...charts].map(([title, inside]) => ({
    title,
    unit: inside[0]?.unit ?? "",
    x,
    series: inside.flatMap((line) => {
      const answer = answers.find(({ device }) => device === line.device);
      return drawn(line, x, step_s, answer?.series.find(({ name }) => name === line.name)?.points ?? []);
    }),
  }));
}

/** The mean as a line, lowest and highest as a band behind it. */
function drawn(line: Line, x: number[], step_s: number, points: Point[]): Drawn[] {
  const at = new Map(points.map((point) => [Math.floor(point[0] / 1000 / step_s) * step_s, point]));
  const of = (part: 1 | 2 | 3) => x.map((time) => at.get(time)?.[part] ?? null);
  const base = { ink: line.ink, kind: "line" as const };
  return [
    { ...base, label: `${line.label}, lowest`, values: of(1), hidden: true },
    { ...base, label: line.label, values: of(2), band: "above" },
    { ...base, label: `${line.label}, highest`, values: of(3), hidden: true, band: "above" },
  ];
}
