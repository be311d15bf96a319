// The calls on the air of every host, each with how well it is heard at this moment where its host tells.
import type { Mode, Qso, RepeaterState } from "../api/types";
import type { Picture } from "../live/reduce";

/** A call that has not ended. */
export interface Running extends Qso {
  /** Name of the host, unless it is the station's own. */
  host: string | null;
  /** The levels of this moment; absent where the host tells them at the end only. */
  now: Levels | undefined;
}

/** One entry of the signal `live` of a host. */
interface Levels {
  mode: Mode;
  slot: number | null;
  rssi_dbm: number | null;
  ber_percent: number | null;
}

/** The station's own host first, the others by name. */
export function onAir({ repeater, signals }: Picture): Running[] {
  const own = running(repeater, signals["repeater/live"]?.data, null);
  const names = Object.keys(signals).flatMap((name) => /^repeater\.([^./]+)\/state$/.exec(name)?.[1] ?? []);
  const others = names.sort().flatMap((host) => {
    const state = signals[`repeater.${host}/state`]?.data as RepeaterState | undefined;
    return running(state ?? null, signals[`repeater.${host}/live`]?.data, host);
  });
  return [...own, ...others];
}

function running(state: RepeaterState | null, live: unknown, host: string | null): Running[] {
  const levels = Array.isArray(live) ? (live as Levels[]) : [];
  return (state?.active_calls ?? []).map((call) => ({
    ...call,
    host,
    now: levels.find(({ mode, slot }) => mode === call.mode && (slot ?? null) === (call.slot ?? null)),
  }));
}
