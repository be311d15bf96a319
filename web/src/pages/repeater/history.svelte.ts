// The calls of the past, page by page, as the filters in the address ask for them; new ones join while one looks.
import { ask, url, words } from "../../api/client";
import type { Call, Event, Paged } from "../../api/types";
import { toCall } from "../../lib/calls";
import { joined } from "../../lib/loader.svelte";

const PAGE = 20;

/** What the list holds at most: whoever looks on for days must not fill the browser. */
const KEPT = 2000;

export const FILTERS = ["mode", "source", "callsign", "destination", "from", "to"] as const;
export type Filters = Partial<Record<(typeof FILTERS)[number], string>>;

export class CallHistory {
  calls = $state.raw<Call[]>([]);
  next = $state<string | null>(null);
  busy = $state(true);
  error = $state("");
  #filters: Filters = {};
  #asked = 0;
  /** Calls that ended while the page was on its way. */
  #fresh: Call[] = [];

  /** Begins anew with these filters. */
  async show(filters: Filters): Promise<void> {
    this.#filters = filters;
    this.#fresh = [];
    this.next = null;
    await this.#read(true);
  }

  more = async (): Promise<void> => this.#read(false);

  /** A call that has just ended, if the filters want it. */
  hear(event: Event): void {
    if (event.type !== "qso_ended") return;
    const call = toCall(event);
    const { mode, source, callsign, destination, to } = this.#filters;
    const wanted =
      (!mode || call.mode === mode) &&
      (!source || call.source === source) &&
      (!callsign || call.callsign === callsign) &&
      (!destination || call.destination === destination) &&
      !to;
    if (!wanted) return;
    if (this.busy) this.#fresh = joined([call], this.#fresh, KEPT);
    this.calls = joined([call], this.calls, KEPT);
  }

  async #read(anew: boolean): Promise<void> {
    const asked = ++this.#asked;
    this.busy = true;
    try {
      const page = await ask<Paged<Call>>("/api/v1/repeater/calls", {
        query: { ...query(this.#filters), limit: PAGE, cursor: anew ? undefined : (this.next ?? undefined) },
      });
      if (asked !== this.#asked) return;
      this.calls = anew ? joined(this.#fresh, page.items, KEPT) : [...this.calls, ...page.items];
      this.next = page.next ?? null;
      this.error = "";
    } catch (error) {
      if (asked === this.#asked) this.error = words(error);
    } finally {
      if (asked === this.#asked) this.busy = false;
    }
  }
}

/** Where the same calls can be taken away from. */
export function file(kind: "csv" | "adi", filters: Filters): string {
  return url(`/api/v1/repeater/calls.${kind}`, query(filters));
}

/** Days in the address become instants: a day ends with its midnight. */
function query(filters: Filters): Record<string, string | undefined> {
  return { ...filters, from: instant(filters.from, 0), to: instant(filters.to, 1) };
}

function instant(day: string | undefined, later: number): string | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? "");
  if (!match) return undefined;
  return new Date(Number(match[1]), Number(match[2]) - 1, Number(match[3]) + later).toISOString();
}
