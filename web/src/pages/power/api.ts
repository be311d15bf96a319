// What the station says about its power system, under short names.
import { type Ask, ask } from "../../api/client";
import type { components } from "../../api/schema";
import type { Paged } from "../../api/types";

type Schemas = components["schemas"];

/** The description lets what may be null be absent as well; the service says null. */
type Told<T> = { [K in keyof T]-?: Exclude<T[K], undefined> };

export type Alarm = Schemas["Alarm"];
export type AlarmKind = Schemas["AlarmKind"];
export type DeviceClass = Schemas["DeviceClass"];
export type DeviceState = Schemas["DeviceState"];
export type Measured = Schemas["Measured"];
export type Quality = Schemas["LineQuality"];
export type Reading = Schemas["PowerReading"];
/** What a reading is for the station, whatever its protocol calls it. */
export type Role = Schemas["ReadingRole"];

/** A device as its three signals tell it. Services before classes do not tell what it is. */
export interface Device extends Omit<Schemas["DeviceStatus"], "class"> {
  name: string;
  class?: DeviceClass;
  readings: Record<string, Reading>;
  settings: Record<string, Reading>;
}

/** The plant as a whole, now. */
export type System = Omit<Told<Schemas["PowerSystem"]>, "banks" | "units"> & { banks: Bank[]; units: Told<Schemas["SystemUnit"]>[] };
export type Bank = Told<Schemas["BatteryBank"]>;

export type History = Schemas["PowerHistory"];
/** When, lowest, mean, highest. */
export type Point = Schemas["PowerSeries"]["points"][number];
export type EnergyDay = Schemas["EnergyOfDay"];

/** Something about a device that can be changed. */
export type Setting = Schemas["PowerSetting"];
export type Argument = Schemas["PowerSettingArgument"];

const of = (device: string, what: string): string => `/api/v1/power/${encodeURIComponent(device)}/${what}`;

export const power = {
  settings: (device: string) => ask<Paged<Setting>>(of(device, "settings")),
  history: (device: string, query: Ask["query"]) => ask<History>(of(device, "history"), { query }),
  energy: (device: string, query: Ask["query"]) => ask<Paged<EnergyDay>>(of(device, "energy"), { query }),
};
