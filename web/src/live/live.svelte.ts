// The station as the page knows it: one socket for what happens, a heartbeat for whether anybody is there at all.
import { Problem, ask } from "../api/client";
import type { Event, Frame, Health, Paged } from "../api/types";
import { clock } from "../lib/clock.svelte";
import { NOTHING, type Picture, isAnother, reduce } from "./reduce";
import { Socket } from "./socket";

/** The browser answers the socket's pings itself and tells nobody: a question of our own shows that the station lives. */
const BEAT_MS = 4_000;
const BEAT_LIMIT_MS = 3_000;

/** Without a sign of life for this long, what is on the page is old. */
const STALE_MS = 9_000;

/** As many as one page of the service has. More than a few dozen never wait. */
const MOST_WAITING = 1000;

type Link = "connecting" | "live" | "lost";

class Live {
  picture = $state.raw<Picture>(NOTHING);
  link = $state<Link>("connecting");
  /** The station is there and tells nothing to those who are not signed in. */
  refused = $state(false);
  /** The last sign of life, by a clock that nobody sets. */
  #heard = performance.now();
  /** Age of the newest sign of life, in seconds. */
  silent_s = $state(0);
  #counts = 0;
  #ears = new Set<(event: Event) => void>();
  #socket = new Socket({
    since: () => this.picture.seq,
    opened: () => (this.link = "live"),
    closed: () => {
      if (this.link === "live") this.link = "lost";
    },
    heard: (frame) => this.#hear(frame),
  });

  start(): void {
    this.#socket.open();
    setInterval(() => (this.silent_s = (performance.now() - this.#heard) / 1000), 1000);
    void this.#beat();
  }

  /** Whether the values may be older than they look. */
  get stale(): boolean {
    if (this.refused) return false;
    return this.link === "lost" || this.silent_s * 1000 > STALE_MS;
  }

  /** Calls back for each new event until the returned function is called. */
  listen(ear: (event: Event) => void): () => void {
    this.#ears.add(ear);
    return () => this.#ears.delete(ear);
  }

  /** Somebody signed in or out: what the socket may tell has changed. */
  renew(): void {
    this.#socket.renew();
  }

  #hear(frame: Frame): void {
    this.#alive();
    if ("snapshot" in frame) {
      clock.set(frame.snapshot.at);
      if (isAnother(this.picture, frame.snapshot)) {
        // Lists on the page belong to the journal before. Nothing of them can be mended, so everything is read anew.
        location.reload();
        return;
      }
    }
    const before = this.picture.seq;
    this.picture = reduce(this.picture, frame);
    if ("event" in frame && frame.event.type.startsWith("command_")) void this.#count();
    if ("event" in frame && this.picture.seq !== before) this.#ears.forEach((ear) => ear(frame.event));
  }

  /** Events tell what became of one command; how many still wait, the gate knows. */
  async #count(): Promise<void> {
    const asked = ++this.#counts;
    try {
      const waiting = await ask<Paged<unknown>>("/api/v1/commands", { query: { state: "waiting", limit: MOST_WAITING } });
      if (asked === this.#counts) this.picture = { ...this.picture, approvals: waiting.items.length };
    } catch {
      // The next snapshot has the number again.
    }
  }

  #alive(): void {
    this.#heard = performance.now();
    this.silent_s = 0;
  }

  async #beat(): Promise<void> {
    try {
      const health = await ask<Health>("/api/v1/health", { limit_ms: BEAT_LIMIT_MS });
      this.#alive();
      this.refused = false;
      this.picture = { ...this.picture, health };
      if (this.link === "lost") this.#socket.hurry();
    } catch (error) {
      // A refusal is a sign of life as well. Silence is what the freshness tells.
      this.refused = error instanceof Problem && error.status === 401;
      if (this.refused) this.#alive();
    }
    setTimeout(() => void this.#beat(), BEAT_MS);
  }
}

export const live = new Live();
