// One WebSocket that comes back by itself: at once after a restart of the server, ever more slowly after that.
import type { Frame } from "../api/types";

/** Shortest and longest pause before another try. */
const RETRY_MIN_MS = 400;
const RETRY_MAX_MS = 10_000;

/** A handshake that takes longer is given up: the port may be open and nobody behind it. */
const OPEN_LIMIT_MS = 8_000;

export interface Listener {
  /** Where to go on; null for the present only. */
  since: () => number | null;
  opened: () => void;
  closed: () => void;
  heard: (frame: Frame) => void;
}

export class Socket {
  #socket: WebSocket | null = null;
  #pause = RETRY_MIN_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly listener: Listener) {
    // Whoever comes back to the tab, or into the network, should not have to wait for the next try.
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.hurry();
    });
  }

  open(): void {
    clearTimeout(this.#timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`);
    this.#socket = socket;
    const late = setTimeout(() => socket.close(), OPEN_LIMIT_MS);
    socket.onopen = () => {
      const since = this.listener.since();
      socket.send(JSON.stringify({ subscribe: ["*"], ...(since === null ? {} : { since }) }));
    };
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      if (socket !== this.#socket) return;
      clearTimeout(late);
      this.#pause = RETRY_MIN_MS;
      const frame = JSON.parse(data) as Frame;
      if ("snapshot" in frame) this.listener.opened();
      this.listener.heard(frame);
    };
    socket.onclose = () => {
      clearTimeout(late);
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.listener.closed();
      this.#later();
    };
  }

  /** Drops what there is and connects anew: rights have changed, or the silence was too long. */
  renew(): void {
    this.#socket?.close();
    this.#socket = null;
    this.listener.closed();
    this.#pause = RETRY_MIN_MS;
    this.open();
  }

  /** Tries now if nothing is open. */
  hurry(): void {
    if (this.#socket) return;
    this.#pause = RETRY_MIN_MS;
    this.open();
  }

  #later(): void {
    const jitter = 0.75 + Math.random() / 2;
    this.#timer = setTimeout(() => this.open(), this.#pause * jitter);
    this.#pause = Math.min(this.#pause * 2, RETRY_MAX_MS);
  }
}
