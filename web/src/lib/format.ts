// Figures and times as people read them. Pure: the time now is an argument.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** A thin space between a figure and its unit would wrap; this one does not. */
export const NBSP = "\u00a0";

/** With a true minus sign and grouped thousands; unknown is a dash, never 0. */
export function figure(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return text.replace("-", "\u2212").replaceAll(",", "\u202f");
}

/** A running or finished length: 0:07, 1:02:03. */
export function runs(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(whole / HOUR), Math.floor(whole / MINUTE) % MINUTE, whole % MINUTE];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** A length in the two largest units that matter: 42 s, 4 min, 2 h 5 min, 3 d 4 h. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole}${NBSP}s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}${NBSP}min`;
  if (whole < DAY) return pair(whole, HOUR, "h", MINUTE, "min");
  return pair(whole, DAY, "d", HOUR, "h");
}

function pair(whole: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((whole % large) / small);
  const first = `${Math.floor(whole / large)}${NBSP}${largeUnit}`;
  return rest > 0 ? `${first} ${rest}${NBSP}${smallUnit}` : first;
}

/** How long ago, in words. */
export function ago(at: string | number, now: number): string {
  const seconds = (now - stamp(at)) / 1000;
  if (seconds < 5) return "just now";
  if (seconds < 30 * DAY) return `${span(seconds < HOUR ? seconds : Math.floor(seconds / MINUTE) * MINUTE)} ago`;
  return date(at);
}

/** Milliseconds since 1970 of a time in either form. */
export function stamp(at: string | number): number {
  return typeof at === "number" ? at : Date.parse(at);
}

const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** The time of day here: 14:03, or with seconds. */
export function clock(at: string | number, seconds = true): string {
  return new Date(stamp(at)).toLocaleTimeString("en", seconds ? { ...CLOCK, second: "2-digit" } : CLOCK);
}

export function utc(at: string | number): string {
  return new Date(stamp(at)).toLocaleTimeString("en", { ...CLOCK, timeZone: "UTC" });
}

/** The day: 21 Nov 2026. */
export function date(at: string | number): string {
  return new Date(stamp(at)).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

/** Date and time in full, for whoever points at a relative one. */
export function full(at: string | number): string {
  return `${date(at)}, ${clock(at)} (${new Date(stamp(at)).toISOString().slice(11, 19)} UTC)`;
}

/** The time if it was today, otherwise the day as well. */
export function when(at: string | number, now: number): string {
  const today = date(at) === date(now);
  return today ? clock(at) : `${new Date(stamp(at)).toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${clock(at)}`;
}

/** Bytes, in the unit that leaves few figures. */
export function bytes(count: number): string {
  if (count < 1000) return `${count}${NBSP}B`;
  if (count < 1_000_000) return `${figure(count / 1000, 1)}${NBSP}kB`;
  return `${figure(count / 1_000_000, 1)}${NBSP}MB`;
}

/** "one call", "2 calls". */
export function count(n: number, one: string, many = `${one}s`): string {
  return n === 1 ? `one ${one}` : `${n === 0 ? "no" : figure(n)} ${many}`;
}

/** "an operator", "2 admins". */
export function people(n: number, role: string): string {
  return n === 1 ? `${/^[aeiou]/.test(role) ? "an" : "a"} ${role}` : `${figure(n)} ${role}s`;
}

/** A sentence begins with a capital. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A field of a CSV file, after RFC 4180. What a spreadsheet would take for a formula has an apostrophe in front. */
export function csvField(value: unknown): string {
  const text = value === null || value === undefined ? "" : String(value);
  const safe = /^[=+@\t\r]/.test(text) || (/^-/.test(text) && Number.isNaN(Number(text))) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function csv(head: string[], rows: unknown[][]): string {
  return [head, ...rows].map((row) => row.map(csvField).join(",")).join("\r\n") + "\r\n";
}
