// The API's words under short names. All of them come from the description that the service itself gives.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Mode = Schemas["Mode"];
export type HostMode = Mode | "unknown" | "idle" | "lockout" | "error" | "cw";
export type Qso = Schemas["Qso"];
export type Call = Schemas["Call"];
export type Heard = Schemas["Heard"];
export type Health = Schemas["Health"];
export type Cause = Schemas["Cause"];
export type LinkStatus = Schemas["LinkStatus"];
export type Quality = Schemas["Quality"];
export type QualitySeries = Schemas["QualitySeries"];
export type Statistics = Schemas["Statistics"];
export type Group = Schemas["Group"];
export type ExitRecord = Schemas["ExitRecord"];
export type Done = Schemas["Done"];

/** The repeater now. The mode is told as one word; the description cannot say so of an untagged variant. */
export type RepeaterState = Omit<Schemas["RepeaterState"], "mode"> & { mode: HostMode };

/** A child of the tree, with its own children typed as such. */
export type TreeNode = Omit<Schemas["TreeNode"], "children"> & { children: TreeNode[] };

/** What is in `data` depends on the type; whoever reads it looks first. */
export type Data = Record<string, unknown>;
export type Event = Omit<Schemas["Event"], "data"> & { data: Data };
export type Signal = Omit<Schemas["Signal"], "data"> & { data: Data };

export interface Paged<T> {
  items: T[];
  next?: string | null;
}

export type Snapshot = Omit<Schemas["Snapshot"], "signals"> & { signals: Signal[] };

/** What the socket says: exactly one of these. */
export type Frame =
  | { snapshot: Snapshot }
  | { event: Event }
  | { signal: Signal }
  | { lagged: { from: number; to: number } }
  | { error: Schemas["Problem"] };
