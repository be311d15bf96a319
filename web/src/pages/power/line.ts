// How well the line to a device works, in words.
import { count, figure } from "../../lib/format";
import type { Quality } from "./api";

/** The share of questions that came to nothing, in percent. */
export function lostPercent({ answered, failed }: Quality): number {
  const asked = answered + failed;
  return asked === 0 ? 0 : (failed / asked) * 100;
}

/** The line in one line. */
export function lineWords(quality: Quality): string {
  if (quality.answered === 0) return "nothing answered yet";
  const lost = quality.failed === 0 ? "none lost" : `${figure(lostPercent(quality), 1)}\u00a0% lost`;
  const again = quality.retries > 0 ? `, ${count(quality.retries, "retry", "retries")}` : "";
  return `${count(quality.answered, "answer")}, ${lost}${again}`;
}
