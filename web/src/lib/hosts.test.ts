import { describe, expect, it } from "vitest";

import type { Qso, RepeaterState, Signal } from "../api/types";
import { NOTHING } from "../live/reduce";
import { onAir } from "./air";
import { setAside } from "./aside";

const signal = (data: unknown): Signal => ({ at: "2026-11-21T10:00:00.000Z", source: "s", signal: "n", data }) as unknown as Signal;
const state = (...calls: Partial<Qso>[]): RepeaterState => ({ active_calls: calls }) as unknown as RepeaterState;

describe("the calls on the air", () => {
  it("have the levels of their own slot and their own host", () => {
    const calls = onAir({
      ...NOTHING,
      repeater: state({ mode: "dmr", slot: 1 }, { mode: "dmr", slot: 2 }, { mode: "ysf" }),
      signals: {
        "repeater/live": signal([{ mode: "dmr", slot: 2, rssi_dbm: -71, ber_percent: 0.4 }, { mode: "ysf", slot: null, rssi_dbm: -90 }]),
        "repeater.hill/state": signal(state({ mode: "dmr", slot: 2 })),
        "repeater.hill/live": signal([]),
        "repeater.mqtt.hill/messages": signal({ messages: 3 }),
      },
    });
    expect(calls.map(({ host, slot, now }) => [host, slot, now?.rssi_dbm])).toEqual([
      [null, 1, undefined],
      [null, 2, -71],
      [null, undefined, -90],
      ["hill", 2, undefined],
    ]);
  });
});

describe("what was set aside", () => {
  it("is counted over log and brokers, the most frequent first, without what was read all the same", () => {
    const signals = {
      "repeater.parser/lines": signal({ lines: 900, empty: 3, glued: 2, unknown_text: 4, forged: 1 }),
      "repeater.mqtt.hill/messages": signal({ messages: 40, log: { unknown_text: 2 }, json_malformed: 9 }),
      "web/clients": signal({ too_long: 7 }),
    };
    expect(setAside(signals)).toEqual([
      { kind: "json_malformed", n: 9 },
      { kind: "unknown_text", n: 6 },
      { kind: "forged", n: 1 },
    ]);
  });
});
