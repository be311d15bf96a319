// The range of time that all charts of the page show, as it stands in the address.

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Points that a chart has at most; the service counts in steps as well. */
const POINTS = 120;

/** Lengths of a step that people can make sense of, in seconds. */
const STEPS = [300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** The usual lengths, each ending now. A page offers those that it has something to show for. */
const LENGTHS: Record<string, number> = { hour: HOUR_MS, day: DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS, year: 365 * DAY_MS };

export interface Choice {
  value: string;
  word: string;
}

export interface Range {
  from: number;
  to: number;
  step_s: number;
  /** Its name, if it is one of the usual ones that end now. */
  word: string;
}

/** A page opens with the day; a range that it does not offer is the day as well. */
export function rangeOf(query: URLSearchParams, now: number, offered: readonly Choice[]): Range {
  const [since, until] = [query.get("since"), query.get("until")].map((text) => Date.parse(text ?? ""));
  const chosen = since !== undefined && until !== undefined && until > since;
  const name = query.get("range") ?? "day";
  const word = chosen ? "" : offered.some(({ value }) => value === name) ? name : "day";
  const to = chosen ? until : now;
  const begin = chosen ? since : to - (LENGTHS[word] ?? DAY_MS);
  const wanted = (to - begin) / 1000 / POINTS;
  const step_s = STEPS.find((step) => step >= wanted) ?? 86_400;
  // Steps begin on the grid of the clock, so that the charts of hours and of steps have the same left edge.
  const grid = to - begin > 12 * HOUR_MS ? Math.max(step_s * 1000, HOUR_MS) : step_s * 1000;
  return { from: Math.floor(begin / grid) * grid, to, word, step_s };
}

/** The beginnings of all steps in the range, in seconds since 1970: those without calls too, so that gaps are gaps. */
export function steps({ from, to }: Range, step_s: number): number[] {
  const first = Math.floor(from / 1000 / step_s) * step_s;
  const count = Math.ceil((to / 1000 - first) / step_s);
  return Array.from({ length: Math.max(2, count) }, (_, index) => first + index * step_s);
}
