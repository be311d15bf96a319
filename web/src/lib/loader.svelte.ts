// Something that is read from the service: loading, there, or failed. The newest question wins.
import { untrack } from "svelte";

import { Problem } from "../api/client";

export class Loader<T> {
  value = $state.raw<T>();
  error = $state.raw<unknown>();
  busy = $state(false);
  #asked = 0;

  constructor(private readonly read: () => Promise<T>) {}

  /** Reads it (again). What is there stays until the answer comes. */
  load = async (): Promise<void> => {
    const asked = ++this.#asked;
    this.busy = true;
    try {
      // Whoever loads in an effect says what to follow; what the question happens to look at is not that.
      const value = await untrack(this.read);
      if (asked !== this.#asked) return;
      this.value = value;
      this.error = undefined;
    } catch (error) {
      if (asked === this.#asked) this.error = error;
    } finally {
      if (asked === this.#asked) this.busy = false;
    }
  };

  /** The service does not have this (yet). */
  get missing(): boolean {
    return this.error instanceof Problem && this.error.missing;
  }
}
