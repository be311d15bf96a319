// What the page knows of the station, and how each frame changes it. Pure: frames in, a new picture out.
import type { Event, Frame, Health, RepeaterState, Signal, Snapshot } from "../api/types";

/** Events that are kept for lists which show what just happened. The journal has the rest. */
const KEPT = 300;

export interface Picture {
  station: string;
  demo: boolean;
  /** Position of the newest event seen; a new connection goes on from there. */
  seq: number | null;
  health: Health | null;
  repeater: RepeaterState | null;
  /** Other present values by `source/name`. */
  signals: Record<string, Signal>;
  /** The newest events, the newest first. */
  recent: Event[];
  /** Commands that wait for somebody. */
  approvals: number;
  /** How many events this page was told late, because it could not keep up. */
  lagged: number;
}

export const NOTHING: Picture = {
  station: "",
  demo: false,
  seq: null,
  health: null,
  repeater: null,
  signals: {},
  recent: [],
  approvals: 0,
  lagged: 0,
};

export function reduce(picture: Picture, frame: Frame): Picture {
  if ("snapshot" in frame) return withSnapshot(picture, frame.snapshot);
  if ("event" in frame) return withEvent(picture, frame.event);
  if ("signal" in frame) return withSignal(picture, frame.signal);
  if ("lagged" in frame) return { ...picture, lagged: picture.lagged + frame.lagged.to - frame.lagged.from + 1 };
  return picture;
}

/** Whether the snapshot is of another journal: what the page has seen never happened there. */
export function isAnother(picture: Picture, snapshot: Snapshot): boolean {
  return picture.seq !== null && snapshot.head < picture.seq;
}

function withSnapshot(before: Picture, snapshot: Snapshot): Picture {
  const kept = isAnother(before, snapshot) ? NOTHING : before;
  const picture = {
    ...kept,
    station: snapshot.station,
    demo: snapshot.demo,
    seq: kept.seq ?? snapshot.since,
    approvals: snapshot.approvals,
    signals: {},
  };
  return snapshot.signals.reduce(withSignal, picture);
}

function withEvent(picture: Picture, event: Event): Picture {
  // A replay after a reconnection may begin before what was seen.
  if (picture.seq !== null && event.seq <= picture.seq) return picture;
  return { ...picture, seq: event.seq, recent: [event, ...picture.recent].slice(0, KEPT) };
}

function withSignal(picture: Picture, signal: Signal): Picture {
  const name = `${signal.source}/${signal.signal}`;
  const signals = { ...picture.signals, [name]: signal };
  if (name === "station/health") return { ...picture, signals, health: signal.data as unknown as Health };
  if (name === "repeater/state") return { ...picture, signals, repeater: signal.data as unknown as RepeaterState };
  return { ...picture, signals };
}
