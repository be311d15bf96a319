// The page's clock is the station's: durations and ages count by it, whatever the time is here.

class StationClock {
  /** The station's time in milliseconds, anew each second. */
  now = $state(Date.now());
  /** The station's clock minus ours, in milliseconds. */
  #skew = 0;

  constructor() {
    setInterval(() => this.#tick(), 1000);
  }

  /** What the station said the time was, just now. */
  set(station: string): void {
    this.#skew = Date.parse(station) - Date.now();
    this.#tick();
  }

  #tick(): void {
    this.now = Date.now() + this.#skew;
  }
}

export const clock = new StationClock();
