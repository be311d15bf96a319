// Which part of the past the charts of the page show, as it stands in the address, and how one moves it.
import { type Range, rangeOf } from "../../charts/range";
import { date, clock as hm } from "../../lib/format";
import { router } from "../../lib/router.svelte";

export const RANGES = [
  { value: "hour", word: "1 h" },
  { value: "day", word: "24 h" },
  { value: "week", word: "7 days" },
  { value: "month", word: "30 days" },
  { value: "year", word: "1 year" },
];

/** What can be drawn out or together to, in seconds. */
const LEAST_S = 300;
const MOST_S = 366 * 86_400;

export const rangeNow = (now: number): Range => rangeOf(router.query, now, RANGES);

export function pick(word: string): void {
  router.filter({ range: word === "day" ? undefined : word, since: undefined, until: undefined });
}

export function zoom(from: number, to: number): void {
  if (to - from > MOST_S) pick("year");
  else if (to - from >= LEAST_S) router.filter({ range: undefined, since: new Date(from * 1000).toISOString(), until: new Date(to * 1000).toISOString() });
}

/** The range in words, unless it is one of the usual ones. */
export function rangeWords(range: Range): string {
  return range.word ? "" : `${date(range.from)} ${hm(range.from, false)} to ${date(range.to)} ${hm(range.to, false)}`;
}
