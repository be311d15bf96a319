// The last hour: its calls, and what was worth a line. Read once, then kept up by what the socket tells.
import { ask } from "../../api/client";
import type { Call, Event, Paged } from "../../api/types";
import { toCall } from "../../lib/calls";
import { clock } from "../../lib/clock.svelte";
import { stamp } from "../../lib/format";
import { LiveList } from "../../lib/loader.svelte";
import { live } from "../../live/live.svelte";

export const HOUR_MS = 3_600_000;

/** What a person may want to know of an hour, calls aside. */
const WORTH_A_LINE = [
  "child_exited", "changes_missed", "health_changed", "station_started", "station_stopping", "operator_request",
  "fault", "access_denied", "link_changed", "host_changed", "modem_changed", "calls_hidden", "remote_command",
  "command_requested", "command_done", "command_failed", "command_unknown", "command_rejected", "command_rolled_back",
  "command_overridden", "line_set_aside", "records_set_aside", "user_added", "key_added", "key_revoked", "sign_ins_refused",
];

const LINES = 60;
const CALLS = 1000;

export class LastHour {
  #calls = new LiveList<Call>(() => this.#read<Call>("/api/v1/repeater/calls", { limit: CALLS }), CALLS);
  #events = new LiveList<Event>(() => this.#read<Event>("/api/v1/events", { limit: LINES, type: WORTH_A_LINE.join(",") }), LINES);

  follow(): () => void {
    void this.#calls.load();
    void this.#events.load();
    return live.listen((event) => {
      if (event.type === "qso_ended") this.#calls.arrive(toCall(event));
      if (WORTH_A_LINE.includes(event.type)) this.#events.arrive(event);
    });
  }

  get lines(): LiveList<Event> {
    return this.#events;
  }

  get events(): Event[] {
    return this.#events.value ?? [];
  }

  /** The calls that began in the hour before `now`. */
  calls(now: number): Call[] {
    return (this.#calls.value ?? []).filter((call) => stamp(call.started_at) > now - HOUR_MS);
  }

  async #read<T>(path: string, query: Record<string, string | number>): Promise<T[]> {
    const from = new Date(clock.now - HOUR_MS).toISOString();
    return (await ask<Paged<T>>(path, { query: { ...query, from } })).items;
  }
}
