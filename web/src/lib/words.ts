// The field's words for what the service calls by short names, and a sentence for each kind of event.
import type { Data, Event, HostMode, Mode, Qso } from "../api/types";
import type { DryRun } from "../api/access";
import { DOUBTS } from "./aside";
import { NBSP, capital, count, figure, people } from "./format";

export const MODES: Record<HostMode, string> = {
  dstar: "D-Star",
  dmr: "DMR",
  ysf: "Fusion",
  p25: "P25",
  nxdn: "NXDN",
  m17: "M17",
  pocsag: "POCSAG",
  fm: "FM",
  ax25: "AX.25",
  idle: "Idle",
  lockout: "Locked out",
  error: "Host error",
  cw: "Callsign",
  unknown: "Not known",
};
export const RADIO_MODES: readonly Mode[] = ["dstar", "dmr", "ysf", "p25", "nxdn", "m17", "pocsag", "fm", "ax25"];

/** How a call ended, where that is worth a word. */
export const ENDS: Record<Qso["end_reason"], string> = {
  end: "",
  lost: "signal lost",
  watchdog: "network silent",
  timeout: "timed out",
  replaced: "replaced",
  host_restart: "host restarted",
  open: "still open",
};

export const LINKS: Record<string, string> = {
  dstar: "D-Star reflector",
  dmr: "DMR network",
  ysf: "Fusion room",
  m17: "M17 reflector",
  reflector: "P25 or NXDN reflector",
};

type Called = Pick<Qso, "mode" | "slot" | "destination" | "destination_kind" | "callsign" | "callsign_suffix" | "source">;

export const caller = (call: Pick<Called, "callsign">): string => call.callsign ?? "Unknown caller";
export const modeOf = (call: Pick<Called, "mode" | "slot">): string =>
  call.slot ? `${MODES[call.mode]}${NBSP}${call.slot}` : MODES[call.mode];
export const sourceOf = (source: Qso["source"]): string => (source === "rf" ? "radio" : "network");

export function destination(call: Pick<Called, "mode" | "destination" | "destination_kind">): string {
  if (!call.destination) return "–";
  const group = call.mode === "dmr" && call.destination_kind === "group";
  return group ? `TG${NBSP}${call.destination}` : call.destination;
}

/** What a state of an actor means, and how good that is. */
export const ACTOR_STATES: Record<string, { word: string; tone: Tone }> = {
  waiting: { word: "waiting", tone: "off" },
  starting: { word: "starting", tone: "attention" },
  running: { word: "running", tone: "good" },
  stopping: { word: "stopping", tone: "attention" },
  backing_off: { word: "restarting soon", tone: "bad" },
  down: { word: "down", tone: "off" },
  held: { word: "held", tone: "attention" },
  ended: { word: "ended", tone: "off" },
  disabled: { word: "not used", tone: "off" },
  suspended: { word: "suspended", tone: "bad" },
};

/** How good something is. Each tone has its colour, its icon and its word; never the colour alone. */
export type Tone = "good" | "attention" | "bad" | "off";

export const HEALTH: Record<string, Tone> = { well: "good", degraded: "attention", down: "bad" };

/** Causes about a host: the station's own by one word, that of another below its name. */
const OF_HOST = /^([^/]+\/)?(host|modem|log_level)$|^log$/;

/** What the station does about a cause by itself, and what is left for a person. */
export function doing({ subject, reason }: { subject: string; reason: string }): string {
  if (subject === "log") return "The station looks for it again and again, and reads on where it stopped.";
  if (/(^|\/)host$/.test(subject)) return "Its open calls are closed. It shows here by itself when it is back.";
  if (/(^|\/)modem$/.test(subject)) return "The host tries to open it again; until then nobody can be heard.";
  if (/(^|\/)log_level$/.test(subject)) return "Calls come back with FileLevel 1 or 2 in the host's configuration.";
  if (subject === "gate") return "The station does not run it again by itself.";
  if (/^power\/[^/]+$/.test(subject)) return "The station asks it again and again; its last values show their age.";
  if (subject.startsWith("power/")) return "It goes by itself once the value is back within its limit.";
  if (subject === "journal") return reason.startsWith("nothing can be stored") ? "Those who write wait and try again: nothing that was accepted is lost." : "The station goes on with the new one.";
  if (subject.startsWith("repeater/mqtt/")) return "The station tries again, at least twice a minute. The broker keeps what is said meanwhile.";
  if (reason.startsWith("held")) return "The station leaves it down until somebody starts it. What it works on is kept.";
  if (reason.includes("suspended")) return "The station has restarted it as often as it may, and leaves it to you.";
  return subject === "station" ? "" : "The station restarts it by itself, after longer and longer pauses.";
}

/** What a command does, in a word or two; its verb where nobody has words for it yet. */
const VERBS: Record<string, string> = {
  "actor.restart": "Restart",
  "actor.hold": "Hold",
  "actor.start": "Start",
  "config.apply": "Change the configuration:",
  "config.rollback": "Go back to an earlier configuration:",
  "config.reload": "Reload the configuration:",
  "key.revoke": "Revoke the key",
  "power.set": "Set",
  "power.protect": "Set",
  "power.refresh": "Read again",
};
export const verbOf = (verb: string): string => VERBS[verb] ?? verb;

/** With what a command is to be done; settings of devices in words, the rest as it stands in the audit. */
export function detailsOf(verb: string, given: Data): string {
  if (verb === "power.set" || verb === "power.protect") return [given["setting"], given["value"]].filter((part) => part !== undefined && part !== null).join(" ");
  return Object.entries(given).map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ");
}

/** A value as a command read it, before and after. */
function measured(value: unknown): string {
  const { value: amount, unit } = (value ?? {}) as { value?: string | number | null; unit?: string };
  if (amount === undefined || amount === null) return "";
  return unit && unit !== "bool" ? `${amount}${NBSP}${unit}` : `${amount}`;
}

/** What came of a command, where it is more than that it was done. */
export function outcomeOf(outcome: Data | null | undefined): string {
  if (!outcome || !("confirmed" in outcome)) return "";
  const [was, is] = [measured(outcome["was"]), measured(outcome["is"])];
  const before = was && was !== is ? `, it was ${was}` : "";
  if (outcome["confirmed"] === true) return `Read back: ${is || "as it was set"}${before}.`;
  if (outcome["confirmed"] === false) return `Read back: ${is || "something else"}, which is not what was set${before}.`;
  return `The device took it${before}; it cannot be read back.`;
}

/** Who has to agree before something happens. */
export function tierWords({ tier, needs }: Pick<DryRun, "tier" | "needs">): string {
  if (needs.people === 0) return `Tier ${tier}: the policy of this station forbids it.`;
  const others = tier > 2 ? " other than you" : "";
  return `Tier ${tier}: it happens once ${people(needs.people, needs.role)}${others} ${needs.people === 1 ? "has" : "have"} agreed.`;
}

/** Where the page shows what a cause of bad health is about. */
export function causeHref(subject: string): string {
  if (OF_HOST.test(subject)) return "/repeater";
  if (subject === "journal") return "/journal";
  if (subject === "gate") return "/access";
  const [group, device] = subject.split("/");
  if (group === "power" && device) return `/power/${device}`;
  return subject === "station" ? "/actors" : `/actors/${subject}`;
}

const text = (data: Data, key: string): string => (typeof data[key] === "string" ? (data[key] as string) : "");
const number = (data: Data, key: string): number | null => (typeof data[key] === "number" ? (data[key] as number) : null);

/** An actor's path; the root has none. */
export const actorName = (path: string): string => path || "root";

type Teller = (data: Data) => string;

const call = (verb: string): Teller => (data) => {
  const qso = data as unknown as Qso;
  const to = qso.destination ? ` ${destination(qso)}` : "";
  const length = qso.duration_s ? `, ${figure(qso.duration_s, 1)}${NBSP}s` : "";
  return `${caller(qso)} ${verb}${to} in ${modeOf(qso)}${length}`;
};

const TELLERS: Record<string, Teller> = {
  qso_started: call("calls"),
  qso_updated: call("calls"),
  qso_ended: call("called"),
  mode_changed: (data) => `Mode ${MODES[text(data, "mode") as HostMode] ?? text(data, "mode")}`,
  access_denied: (data) => `${text(data, "callsign") || "Somebody"} refused: ${text(data, "reason").replaceAll("_", " ")}`,
  link_changed: (data) => {
    const link = LINKS[text(data, "link")] ?? text(data, "link");
    return `${link} ${text(data, "state")}${text(data, "target") ? `: ${text(data, "target")}` : ""}`;
  },
  host_changed: (data) => `Host program ${text(data, "state")}${text(data, "version") ? `, version ${text(data, "version")}` : ""}`,
  config_applied: (data) => `Configuration: version ${number(data, "version") ?? "?"} in force${text(data, "who") ? `, by ${text(data, "who")}` : ""}`,
  config_rolled_back: (data) => `Configuration: back to version ${number(data, "version") ?? "?"}${text(data, "why") ? `: ${text(data, "why")}` : ""}`,
  config_proved: (data) => `Configuration: version ${number(data, "version") ?? "?"} has proved itself`,
  config_refused: (data) => `Configuration refused: ${text(data, "reason")}`,
  host_configured: (data) => `Host ${text(data, "callsign")} told its configuration`,
  modem_changed: (data) => `Modem ${text(data, "state")}${text(data, "description") ? `: ${text(data, "description")}` : ""}`,
  fault: (data) => `Host ${text(data, "severity")}: ${text(data, "text")}${(number(data, "count") ?? 1) > 1 ? ` (${number(data, "count")} times)` : ""}`,
  signalling: (data) => `${text(data, "callsign")} signalled ${text(data, "signal")}`,
  position: (data) => `${text(data, "callsign") || "A radio"} sent its position`,
  page: (data) => `Page to ${number(data, "ric") ?? "–"}`,
  pages_sent: (data) => `${number(data, "messages") ?? 0} pages sent`,
  packet: (data) => `${text(data, "from")} to ${text(data, "to")}: ${text(data, "text")}`,
  remote_command: (data) => `Remote command ${text(data, "command")} ${data["accepted"] ? "accepted" : "not understood"}`,
  records_set_aside: (data) => {
    const n = number(data, "count") ?? 1;
    return `${capital(count(n, "record"))} ${DOUBTS[text(data, "doubt")] ?? ""} not believed, the last: ${text(data, "text")}`;
  },
  line_set_aside: (data) => `A line of ${text(data, "file")} was left out: it ended the ${text(data, "crashed").replaceAll("_", " ")} twice`,
  calls_hidden: (data) => (data["hidden"] ? "The host's log level hides its calls" : "Calls can be seen again"),
  station_started: (data) => `Station started, version ${text(data, "version")}`,
  station_stopping: () => "Station stops in order",
  health_changed: (data) => {
    const causes = (data["causes"] as { subject: string; reason: string }[] | undefined) ?? [];
    const why = causes[0] ? `: ${causes[0].subject} ${causes[0].reason}` : "";
    return `Health ${text(data, "health")}${why}`;
  },
  child_up: (data) => `${actorName(text(data, "path"))} is up${(number(data, "incarnation") ?? 1) > 1 ? ` again, incarnation ${number(data, "incarnation")}` : ""}`,
  child_exited: (data) => `${actorName(text(data, "path"))} ${exitWords(data)}`,
  changes_missed: (data) => `${number(data, "count") ?? 0} changes of the tree were missed`,
  operator_request: (data) => `${text(data, "who")} asked to ${text(data, "request")} ${text(data, "path")}`,
  user_added: (data) => `${text(data, "by")} let ${text(data, "name")} in as ${text(data, "role")}`,
  user_changed: (data) => `${text(data, "by")} changed ${text(data, "name")}, now ${text(data, "role")}${data["password_changed"] ? ", with a new password" : ""}`,
  user_removed: (data) => `${text(data, "by")} removed ${text(data, "name")}`,
  key_added: (data) => `${text(data, "by")} made the key ${text(data, "name")} for a ${text(data, "role")}`,
  key_revoked: (data) => `${text(data, "by")} revoked the key ${text(data, "name")}`,
  session_started: (data) => `${text(data, "user")} signed in${text(data, "address") ? ` from ${text(data, "address")}` : ""}`,
  session_ended: (data) => `${text(data, "user")} was signed out${text(data, "by") === text(data, "user") ? "" : ` by ${text(data, "by")}`}`,
  sign_ins_refused: (data) => `${capital(count(number(data, "count") ?? 1, "sign-in"))} refused${text(data, "user") ? ` for ${text(data, "user")}` : ""}`,
  device_online: () => "Answers",
  device_offline: (data) => `Says nothing any more: ${text(data, "reason")}`,
  alarm_raised: (data) => `Alarm: ${text(data, "text")}`,
  alarm_cleared: (data) => `No longer: ${text(data, "text")}`,
  reading_changed: (data) => `${capital(count(Object.keys(data["readings"] ?? {}).length, "reading"))} changed`,
  setting_changed: (data) => `Settings as read: ${Object.keys(data["settings"] ?? {}).join(", ").replaceAll("_", " ")}`,
  energy_day: (data) => `Energy of ${text(data, "day")}: ${figure(number(data, "solar_wh"))}${NBSP}Wh from the sun, ${figure(number(data, "load_wh"))}${NBSP}Wh into the load`,
  journal_trimmed: () => "Old events deleted, as configured",
};

/** Why an actor ended: reason, message, place. */
export function exitWords(exit: Data): string {
  const message = text(exit, "message");
  const reason = text(exit, "reason").replaceAll("_", " ");
  return `${reason === "shutdown" ? "stopped" : reason}${message ? `: ${message}` : ""}`;
}

/** The event in one line. A kind that nobody has words for yet is told by its name. */
export function summary(event: Event): string {
  const { data } = event;
  if (event.type.startsWith("command_")) {
    const done = event.type.slice("command_".length).replaceAll("_", " ");
    const details = text(data, "verb").startsWith("power.") ? ` ${detailsOf(text(data, "verb"), (data["arguments"] ?? {}) as Data)}`.trimEnd() : "";
    return `${verbOf(text(data, "verb"))} ${text(data, "target")}${details}: ${done}${text(data, "requested_by") ? `, asked by ${text(data, "requested_by")}` : ""}`;
  }
  const teller = TELLERS[event.type];
  const told = teller ? teller(data) : capital(event.type.replaceAll("_", " "));
  const device = /^power\.(.+)$/.exec(event.source)?.[1];
  return device ? `${device}: ${told.charAt(0).toLowerCase()}${told.slice(1)}` : told;
}

/** How much an event is a matter for a person. */
export function toneOf(event: Event): Tone | null {
  switch (event.type) {
    case "child_exited":
      return ["shutdown", "normal"].includes(text(event.data, "reason")) ? "attention" : "bad";
    case "health_changed":
      return HEALTH[text(event.data, "health")] ?? null;
    case "alarm_raised":
    case "device_offline":
    case "fault":
    case "access_denied":
    case "changes_missed":
    case "calls_hidden":
    case "line_set_aside":
    case "records_set_aside":
    case "command_overridden":
    case "sign_ins_refused":
      return "attention";
    case "command_failed":
    case "command_unknown":
      return "bad";
    default:
      return null;
  }
}

