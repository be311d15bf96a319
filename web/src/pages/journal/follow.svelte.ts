// Events as the filters in the address ask for them: a page of the journal, then what happens while one looks.
import { ask, words } from "../../api/client";
import type { Event, Paged } from "../../api/types";
import { joined } from "../../lib/loader.svelte";

const PAGE = 100;

/** What a list holds at most: whoever follows for days must not fill the browser. */
const KEPT = 2000;

export const FILTERS = ["source", "type", "until"] as const;
export type Filters = Partial<Record<(typeof FILTERS)[number], string>>;

export class Follower {
  events = $state.raw<Event[]>([]);
  next = $state<string | null>(null);
  busy = $state(true);
  error = $state("");
  /** Events that came while the list stood still. */
  held = $state(0);
  still = $state(false);
  #filters: Filters = {};
  #asked = 0;
  /** Events that came while the page was on its way. */
  #fresh: Event[] = [];

  async show(filters: Filters): Promise<void> {
    this.#filters = filters;
    this.#fresh = [];
    this.held = 0;
    await this.#read(true);
  }

  more = (): Promise<void> => this.#read(false);

  /** Lets the list stand still, or go on with what came meanwhile. */
  hold = (still: boolean): void => {
    this.still = still;
    if (!still && this.held > 0) void this.show(this.#filters);
  };

  hear(event: Event): void {
    const { source, type, until } = this.#filters;
    if (until || (source && !list(source).some((pattern) => matches(event.source, pattern)))) return;
    if (type && !list(type).includes(event.type)) return;
    if (this.busy) this.#fresh = joined([event], this.#fresh, KEPT);
    if (this.still) this.held += 1;
    else this.events = joined([event], this.events, KEPT);
  }

  async #read(anew: boolean): Promise<void> {
    const asked = ++this.#asked;
    this.busy = true;
    const { source, type, until } = this.#filters;
    const to = until ? new Date(until) : null;
    try {
      const page = await ask<Paged<Event>>("/api/v1/events", {
        query: {
          source,
          type,
          to: to && !Number.isNaN(to.getTime()) ? to.toISOString() : undefined,
          limit: PAGE,
          cursor: anew ? undefined : (this.next ?? undefined),
        },
      });
      if (asked !== this.#asked) return;
      this.events = anew ? joined(this.#fresh, page.items, KEPT) : [...this.events, ...page.items];
      this.next = page.next ?? null;
      this.error = "";
    } catch (error) {
      if (asked === this.#asked) this.error = words(error);
    } finally {
      if (asked === this.#asked) this.busy = false;
    }
  }
}

const list = (text: string): string[] => text.split(",").map((part) => part.trim()).filter(Boolean);

/** As the service reads its patterns: `repeater` and `repeater.*` name `repeater` and all beneath it. */
export function matches(source: string, pattern: string): boolean {
  const stem = pattern.replace(/\.\*$/, "");
  return pattern === "*" || source === stem || source.startsWith(`${stem}.`);
}
