// What hosts said and nobody could use: counted by the service, told here in words.
import type { Signal } from "../api/types";

/** Why it had no effect. Kinds that are read all the same are not among them. */
export const DOUBTS: Record<string, string> = {
  no_frame: "without level and time",
  nul: "with NUL bytes, as a power cut leaves them",
  unknown_level: "of an unknown level",
  bad_date: "with an impossible time",
  too_long: "too long",
  unknown_text: "of no known form",
  forged: "inside text that a radio sent",
  time_back: "older than those before them",
  far_future: "of a far future",
  no_clock: "of a clock that was never set",
  retained: "kept by the broker since nobody knows when",
  unknown_topic: "on topics that tell nothing here",
  json_too_long: "too long for a message",
  json_not_utf8: "that are not UTF-8",
  json_malformed: "that are no JSON",
  json_wrong_shape: "of a wrong shape",
  json_wrong_type: "with a member of the wrong type",
  json_unknown: "with an unknown key, action or name",
  json_bad_time: "without a valid time",
  json_unpaired: "that end no call",
  json_absurd_values: "with a value that cannot be",
};

/** Counts by kind, the largest first, of the log and of every host that speaks MQTT. */
export function setAside(signals: Record<string, Signal>): { kind: string; n: number }[] {
  const counts = new Map<string, number>();
  for (const [name, { data }] of Object.entries(signals)) {
    if (name === "repeater.parser/lines" || /^repeater\.mqtt\.[^/]+\/messages$/.test(name)) gather(data, counts);
  }
  return [...counts].map(([kind, n]) => ({ kind, n })).sort((a, b) => b.n - a.n);
}

function gather(data: Record<string, unknown>, counts: Map<string, number>): void {
  for (const [kind, value] of Object.entries(data)) {
    if (typeof value === "number" && value > 0 && kind in DOUBTS) counts.set(kind, (counts.get(kind) ?? 0) + value);
    else if (value && typeof value === "object") gather(value as Record<string, unknown>, counts);
  }
}
