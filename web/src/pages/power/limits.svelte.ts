// The limits at which alarms are raised, as the configuration has them; nobody else tells. Without the right to read it there
// are none to show.
import { access } from "../../api/access";
import { who } from "../../lib/session.svelte";

interface Limits {
  low_battery_v?: number;
  low_charge_percent?: number;
  high_temperature_c?: number;
  cell_spread_v?: number;
}

class AlarmLimits {
  #byDevice = $state.raw<Record<string, { alarms?: Limits }>>({});

  /** Reads them for whoever is here now, in an effect. */
  follow(): void {
    if (who.may("operator")) void this.#load();
  }

  of(device: string): Limits {
    return this.#byDevice[device]?.alarms ?? {};
  }

  async #load(): Promise<void> {
    try {
      const { sections } = await access.configuration();
      this.#byDevice = (sections["power"] ?? {}) as Record<string, { alarms?: Limits }>;
    } catch {
      // The page is whole without them.
    }
  }
}

export const limits = new AlarmLimits();
