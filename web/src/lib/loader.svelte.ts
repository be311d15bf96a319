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
    this.begin();
    try {
      // Whoever loads in an effect says what to follow; what the question happens to look at is not that.
      const value = await untrack(this.read);
      if (asked !== this.#asked) return;
      this.value = this.take(value);
      this.error = undefined;
    } catch (error) {
      if (asked === this.#asked) this.error = error;
    } finally {
      if (asked === this.#asked) this.busy = false;
    }
  };

  /** A question goes out. */
  protected begin(): void {}

  /** Its answer is here. */
  protected take(value: T): T {
    return value;
  }

  /** The service does not have this (yet). */
  get missing(): boolean {
    return this.error instanceof Problem && this.error.missing;
  }
}

/** A list that grows at its head while one looks, also while its older part is still on the way. */
export class LiveList<T extends { seq: number }> extends Loader<T[]> {
  #fresh: T[] = [];

  constructor(
    read: () => Promise<T[]>,
    private readonly kept: number,
  ) {
    super(read);
  }

  arrive(item: T): void {
    if (this.busy) this.#fresh = joined([item], this.#fresh, this.kept);
    if (this.value) this.value = joined([item], this.value, this.kept);
  }

  protected override begin(): void {
    this.#fresh = [];
  }

  protected override take(read: T[]): T[] {
    return joined(this.#fresh, read, this.kept);
  }
}

/** The fresh ones first, each once: what was read may have them already. */
export function joined<T extends { seq: number }>(fresh: T[], read: T[], kept: number): T[] {
  const known = new Set(read.map(({ seq }) => seq));
  return [...fresh.filter(({ seq }) => !known.has(seq)), ...read].slice(0, kept);
}
