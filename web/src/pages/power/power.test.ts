import { describe, expect, it } from "vitest";

import type { Signal } from "../../api/types";
import type { Device, Reading, Setting, System } from "./api";
import { cellsOf, devices, inRole, keyReadings } from "./plant";
import { deviceLines, drawable, plots, sources, usual } from "./series";
import { currentWords, initial, judge } from "./settings";
import { alarmWords, name, quantity, sentence, valueWords, watts } from "./words";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");
const reading = (value: number | string | null, unit: string, role?: Reading["role"]): Reading => ({ value, unit, at: "2026-11-21T10:00:00Z", quality: "good", ...(role ? { role } : {}) });
const device = (name: string, readings: Record<string, Reading>, more: Partial<Device> = {}): Device => ({ name, readings, settings: {}, state: "online", alarms: [], ...more }) as unknown as Device;
const system = (more: Partial<System>): System =>
  ({ solar_w: null, load_w: null, grid_w: null, battery_w: null, charge_percent: null, remaining_s: null, toward: null, banks: [], units: [], alarms: [], stale: [], ...more }) as unknown as System;

describe("devices", () => {
  it("are made of their three signals, by name, and of no other signal", () => {
    const signal = (data: unknown): Signal => ({ data }) as unknown as Signal;
    const found = devices({ "power.b/status": signal({ state: "online" }), "power.a/status": signal({ state: "offline" }), "power.a/readings": signal({ u: reading(1, "V") }), "power/system": signal({}) });
    expect(found.map(({ name, state, readings }) => [name, state, Object.keys(readings)])).toEqual([["a", "offline", ["u"]], ["b", "online", []]]);
  });

  it("have cells by number, without those that are not there", () => {
    const cells = cellsOf(device("b", { cell_02: reading(3.31, "V", "cell_voltage"), cell_01: reading(3.3, "V", "cell_voltage"), cell_03: reading(0, "V", "cell_voltage") }));
    expect(cells).toMatchObject({ lowest: 1, highest: 2, spread_mv: 10, cells: [{ number: 1 }, { number: 2 }] });
    expect(cellsOf(device("b", { soc: reading(50, "%", "state_of_charge") }))).toBeNull();
  });

  it("show the current into the battery, however they tell it", () => {
    const battery = device("b", { current: reading(-20, "A", "battery_discharge_current") }, { class: "battery" });
    expect(keyReadings(battery).map(({ value }) => value)).toEqual([20]);
    const both = device("b", { in: reading(0, "A", "battery_charge_current"), out: reading(11, "A", "battery_discharge_current") }, { class: "battery" });
    expect(keyReadings(both).map(({ value }) => value)).toEqual([-11]);
  });

  it("show the warmest of several places, and without roles what has the units that people look for", () => {
    const warm = device("i", { a: reading(30, "°C", "temperature"), b: reading(60, "°C", "temperature") }, { class: "battery" });
    expect(keyReadings(warm).map(({ name }) => name)).toEqual(["b"]);
    expect(keyReadings(device("i", { f: reading(50, "Hz"), p: reading(420, "W"), u: reading("x", "V") })).map(({ name }) => name)).toEqual(["p"]);
    expect(inRole(warm, "load_power")).toEqual([]);
  });
});

describe("words", () => {
  it("give a quantity the decimals that mean something", () => {
    expect([quantity(51.3998, "V"), quantity(3.2745, "V"), quantity(0, "V"), quantity(420.4, "W"), quantity(-8.25, "A")].map(plain)).toEqual(["51.4 V", "3.275 V", "0 V", "420 W", "−8.3 A"]);
    expect([watts(420), watts(1846), watts(-480, true), watts(39, true), watts(null)].map(({ text, unit }) => text + unit)).toEqual(["420W", "1.85kW", "−480W", "+39W", "–"]);
    expect([valueWords(reading(1, "bool")).text, valueWords(reading(null, "V")).text, valueWords(reading("User", "")).text]).toEqual(["yes", "–", "User"]);
    expect([name("ac_output_voltage"), name("is_pv_ok")]).toEqual(["AC output voltage", "Is PV ok"]);
  });

  it("say of an alarm the value and the limit that it passed", () => {
    const since = "2026-11-21T10:00:00Z";
    const low = alarmWords({ kind: "battery_low_voltage", reading: "battery_voltage", text: "", value: 44.12, limit: 45, since });
    expect([low.title, plain(low.about)]).toEqual(["Battery voltage is low", "44.1 V at battery voltage, the limit is 45.0 V"]);
    expect(alarmWords({ kind: "device_silent", reading: "", text: "the device says nothing", value: null, limit: 60, since }).about).toBe("the device says nothing");
  });

  it("say in a sentence what is true now, and who says nothing", () => {
    const [here, away] = [device("inverter", {}), device("charger", {}, { state: "offline" })];
    const now = system({ solar_w: 1846, load_w: 420, charge_percent: 64, toward: "full", remaining_s: 7500 });
    expect(plain(sentence([here], now))).toBe("The sun gives 1.85 kW, the load takes 420 W. The battery is at 64 % and full in 2 h 5 min.");
    expect(plain(sentence([here, away], system({ load_w: 420 })))).toBe("The load takes 420 W. Nothing comes from charger.");
    expect(sentence([away], now)).toBe("No device says anything.");
    expect(sentence([here, device("b", {})], null)).toBe("All 2 devices answer.");
  });
});

describe("the past", () => {
  const battery = device("b", { soc: reading(64, "%", "state_of_charge"), on: reading(1, "", "switch"), c1: reading(3.3, "V", "cell_voltage"), c2: reading(3.4, "V", "cell_voltage"), u: reading(52, "V", "battery_voltage") }, { class: "battery" });

  it("is kept of numbers with a role, the cells as one", () => {
    expect(drawable(battery).map(({ name }) => name)).toEqual(["soc", "u", "cell_voltage"]);
    expect(usual(battery)).toEqual(["soc", "u"]);
  });

  it("is asked of batteries about the battery, and of everybody about the sun", () => {
    const inverter = device("i", { soc: reading(60, "%", "state_of_charge"), pv: reading(1, "W", "solar_power") }, { class: "inverter" });
    const charger = device("c", { pv: reading(1, "W", "solar_power") }, { class: "charger" });
    expect(sources([battery, inverter, charger], "state_of_charge").map(({ name }) => name)).toEqual(["b"]);
    expect(sources([battery, inverter, charger], "solar_power").map(({ name }) => name)).toEqual(["i", "c"]);
  });

  it("has a gap where nothing was read, and volts of cells apart from those of the battery", () => {
    const lines = deviceLines(battery, ["u", "cell_voltage"]);
    const drawn = plots(lines, [{ device: "b", step_s: 60, series: [{ name: "u", unit: "V", points: [[60_000, 51, 52, 53]] }] }], () => [0, 60, 120]);
    expect(drawn.map(({ title }) => title)).toEqual(["Battery voltage", "Cell voltage"]);
    expect(drawn[0]?.series.map(({ values }) => values)).toEqual([[null, 51, null], [null, 52, null], [null, 53, null]]);
  });
});

describe("settings", () => {
  const float = { argument: { kind: "number", min: 48, max: 58.4, step: 0.1, unit: "V", also: [0] }, current: { value: "54.0", label: "54.0 V", unit: "V", at: "" } } as unknown as Setting;

  it("take what the device takes, written as it wants it", () => {
    expect([judge(float, "54.4"), judge(float, "54,4"), judge(float, "58.4"), judge(float, "0")]).toEqual([{ value: "54.4" }, { value: "54.4" }, { value: "58.4" }, { value: "0.0" }]);
    expect([judge(float, "58.5"), judge(float, "54.45"), judge(float, "x"), judge(float, "")].map((judged) => "wrong" in judged)).toEqual([true, true, true, true]);
    expect(judge({ argument: null } as unknown as Setting, "")).toEqual({ value: undefined });
  });

  it("match a pattern as a whole", () => {
    const text = { argument: { kind: "text", pattern: "[01]|11" } } as unknown as Setting;
    expect(["0", "11", "01"].map((value) => "value" in judge(text, value))).toEqual([true, true, false]);
  });

  it("begin with the value in force, if it is one of the choices", () => {
    const choice = (value: string) => ({ argument: { kind: "choice", choices: [{ value: "01", label: "One" }] }, current: { value, label: "One" } }) as unknown as Setting;
    expect([initial(float), initial(choice("01")), initial(choice("07"))]).toEqual(["54.0", "01", ""]);
    expect([currentWords(float), currentWords({ current: null } as unknown as Setting)]).toEqual(["54.0 V", "–"]);
  });
});
