// How every chart of the page looks and is handled: time on x, gaps as gaps, one cursor for all charts of a page.
import uPlot from "uplot";

import { clock } from "../lib/format";

/** A quantity has one colour, on every page. */
export type Ink =
  | "--accent"
  | "--attention"
  | "--d-rf"
  | "--d-network"
  | "--d-sun"
  | "--d-battery"
  | "--d-load"
  | "--d-grid"
  | "--d-other";

export interface Series {
  label: string;
  values: (number | null)[];
  ink: Ink;
  kind: "bars" | "line";
  /** Drawn only as the edge of a band. */
  hidden?: boolean;
  /** It makes a band with the series before it, on this side of it. */
  band?: "above" | "below";
}

interface Ask {
  x: number[];
  series: Series[];
  digits: number;
  floor: number | undefined;
  zoom: (from: number, to: number) => void;
  look: (index: number | null) => void;
}

/** Charts of a page share their cursor. */
const CURSOR = uPlot.sync("page");

const DAY_S = 86_400;

/** What has no fractions has no ticks at them. */
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

export function options({ x, series, digits, floor, zoom, look }: Ask): Omit<uPlot.Options, "width" | "height"> {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const font = `12px ${style.getPropertyValue("--font")}`;
  // A label at the right edge would be cut off there.
  const end = (x.at(-1) ?? 1) + step(x);
  const wide = (x.at(-1) ?? 0) - (x[0] ?? 0) > 2 * DAY_S;
  const axis = { stroke: colour("--soft"), font, ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
  return {
    legend: { show: false },
    padding: [8, 18, 0, 0],
    cursor: {
      sync: { key: CURSOR.key },
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
    },
    scales: {
      x: { time: true, range: () => [x[0] ?? 0, end] },
      y: { range: (_, low, high) => scale(low, high, floor) },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 28, space: 64, values: (_, ticks) => ticks.map((tick) => (tick < end ? label(tick, wide) : "")) },
      { ...axis, size: 44, space: 36, ...(digits === 0 ? { incrs: WHOLE } : {}), values: (_, ticks) => ticks.map((tick) => number(tick, digits)) },
    ],
    series: [{}, ...series.map((line) => drawn(line, colour))],
    bands: series.flatMap((line, index) => {
      if (!line.band) return [];
      // uPlot fills from the first of the two down to the second; its own first series is x.
      const bounds: uPlot.Band.Bounds = line.band === "above" ? [index + 1, index] : [index, index + 1];
      const fill = `color-mix(in srgb, ${colour(line.ink)} ${colour("--d-band")}, transparent)`;
      return [{ series: bounds, fill }];
    }),
    hooks: {
      setCursor: [(chart) => look(chart.cursor.idx ?? null)],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width > 8) zoom(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** Length of a step of the chart, in seconds. */
function step(x: number[]): number {
  return (x[1] ?? 1) - (x[0] ?? 0);
}

function scale(low: number | null, high: number | null, floor: number | undefined): [number, number] {
  if (low === null || high === null) return [floor ?? 0, (floor ?? 0) + 1];
  const room = Math.max((high - low) * 0.12, Math.abs(high) * 0.02, 0.1);
  return [floor ?? low - room, Math.max(high + room, (floor ?? low) + 1)];
}

function label(tick: number, wide: boolean): string {
  const at = new Date(tick * 1000);
  const midnight = at.getHours() === 0 && at.getMinutes() === 0;
  if (wide || midnight) return at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return clock(tick * 1000, false);
}

function number(value: number, digits: number): string {
  const whole = Number.isInteger(value) ? 0 : Math.max(1, digits);
  return value.toFixed(whole).replace("-", "\u2212");
}

function drawn(line: Series, colour: (name: string) => string): uPlot.Series {
  const ink = colour(line.ink);
  if (line.kind === "bars") {
    const paths = uPlot.paths.bars?.({ size: [0.72, 120], align: 1, radius: 0.12 });
    return { label: line.label, stroke: ink, fill: ink, width: 0, points: { show: false }, ...(paths ? { paths } : {}) };
  }
  return {
    label: line.label,
    stroke: ink,
    width: line.hidden ? 0 : 2,
    spanGaps: false,
    // A step between two gaps is a point, or it would not be seen.
    points: { show: !line.hidden, size: 5, fill: ink, width: 0, filter: lonely(line.values) },
  };
}

function lonely(values: (number | null)[]): uPlot.Series.Points.Filter {
  const alone = values.flatMap((value, index) => {
    const near = [values[index - 1], values[index + 1]].some((other) => other !== null && other !== undefined);
    return value !== null && !near ? [index] : [];
  });
  return () => alone;
}
