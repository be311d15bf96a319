import { describe, expect, it } from "vitest";

import type { Event, Frame } from "../api/types";
import { NOTHING, isAnother, reduce } from "./reduce";

const event = (seq: number): Frame => ({
  event: { seq, at: "2026-11-21T10:00:00.000Z", source: "repeater", type: "qso_ended", data: {} } as Event,
});
const snapshot = (head: number, since = head): Frame => ({
  snapshot: { at: "2026-11-21T10:00:00.000Z", head, since, station: "GB7QX", demo: false, approvals: 0, signals: [] },
});

describe("the picture of the station", () => {
  it("keeps its place in the journal across a reconnection, and takes no event twice", () => {
    let picture = [snapshot(7), event(8), event(9)].reduce(reduce, NOTHING);
    picture = [snapshot(12, 9), event(9), event(10)].reduce(reduce, picture);
    expect(picture.seq).toBe(10);
    expect(picture.recent.map((seen) => seen.seq)).toEqual([10, 9, 8]);
  });

  it("forgets what it saw when the journal is another one", () => {
    const picture = [snapshot(7), event(8)].reduce(reduce, NOTHING);
    const other = snapshot(3);
    expect("snapshot" in other && isAnother(picture, other.snapshot)).toBe(true);
    const anew = reduce(picture, other);
    expect([anew.seq, anew.recent]).toEqual([3, []]);
  });

  it("counts what came late", () => {
    const picture = reduce(NOTHING, { lagged: { from: 4, to: 9 } });
    expect(picture.lagged).toBe(6);
  });

  it("keeps a bounded number of events, the newest first", () => {
    const all = Array.from({ length: 1000 }, (_, index) => event(index + 1));
    const picture = all.reduce(reduce, NOTHING);
    expect(picture.recent.length).toBe(300);
    expect(picture.recent[0]?.seq).toBe(1000);
  });
});
