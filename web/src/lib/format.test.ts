import { describe, expect, it } from "vitest";

import { ago, bytes, csv, figure, runs, span } from "./format";

describe("figures", () => {
  it("have a true minus sign, and a dash where nothing is known", () => {
    expect(figure(-47)).toBe("\u221247");
    expect(figure(51.3998, 1)).toBe("51.4");
    expect([figure(null), figure(undefined), figure(NaN)]).toEqual(["–", "–", "–"]);
  });

  it("count bytes in the unit that leaves few of them", () => {
    expect([bytes(12), bytes(1200), bytes(3_400_000)]).toEqual(["12\u00a0B", "1.2\u00a0kB", "3.4\u00a0MB"]);
  });
});

describe("times", () => {
  it("run like a stopwatch", () => {
    expect([runs(-1), runs(7.9), runs(65), runs(3723)]).toEqual(["0:00", "0:07", "1:05", "1:02:03"]);
  });

  it("are told in the two units that matter", () => {
    const said = [42, 250, 7500, 7200, 277_000].map((seconds) => span(seconds).replaceAll("\u00a0", " "));
    expect(said).toEqual(["42 s", "4 min", "2 h 5 min", "2 h", "3 d 4 h"]);
  });

  it("of the future are no longer ago than now", () => {
    expect(ago(10_000, 5_000)).toBe("just now");
  });
});

describe("CSV", () => {
  it("quotes what needs it and disarms formulas", () => {
    const text = csv(["a", "b"], [['say "hi"', "=1+1"], [-3, "-x"], [null, "x,y"]]);
    expect(text).toBe('a,b\r\n"say ""hi""",\'=1+1\r\n-3,\'-x\r\n,"x,y"\r\n');
  });
});
