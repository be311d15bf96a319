// Calls as lists show them, made of the events that tell of their ends.
import type { Call, Event } from "../api/types";

/** A call is known by the position of its end. */
export function toCall(event: Event): Call {
  return { type: "qso", seq: event.seq, ...event.data } as unknown as Call;
}
