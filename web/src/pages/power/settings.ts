// How a setting stands, and whether a value fits it. Pure.
import { NBSP, figure } from "../../lib/format";
import type { Argument, Setting } from "./api";

/** The value in force, in words. */
export const currentWords = ({ current }: Setting): string => current?.label ?? "–";

/** Decimals of a number as it is written; a step of 0.1 has one. */
export function decimals(value: number): number {
  return String(value).split(".")[1]?.length ?? 0;
}

/** What the form begins with: the value in force where it is one that can be chosen. */
export function initial({ argument, current }: Setting): string {
  const value = current?.value ?? "";
  return argument?.kind === "choice" && !argument.choices.some((choice) => choice.value === value) ? "" : value;
}

/** What a number may be, in words. */
export function rangeOf({ min, max, step, unit, also }: Argument & { kind: "number" }): string {
  const besides = also.length > 0 ? `, or ${also.join(", ")}` : "";
  return `${figure(min, decimals(step))} to ${figure(max, decimals(step))}${unit ? `${NBSP}${unit}` : ""}${besides}`;
}

/** The value as the device takes it, or why it cannot be one. An empty field is not wrong yet. */
export function judge({ argument }: Setting, text: string): { value: string | undefined } | { wrong: string } {
  if (!argument) return { value: undefined };
  if (text.trim() === "") return { wrong: "" };
  if (argument.kind === "choice") return { value: text };
  if (argument.kind === "text") return new RegExp(`^(?:${argument.pattern})$`).test(text) ? { value: text } : { wrong: `It has to look like ${argument.pattern}` };
  const { min, max, step, unit, also } = argument;
  const places = decimals(step);
  const number = Number(text.replace(",", "."));
  if (also.includes(number)) return { value: number.toFixed(places) };
  if (!Number.isFinite(number) || number < min || number > max) return { wrong: `From ${rangeOf(argument)}` };
  // Tenths are no exact numbers: what is off the grid by less than a millionth of a step is on it.
  const off = Math.abs(number / step - Math.round(number / step));
  if (step > 0 && off > 1e-6) return { wrong: `In steps of ${figure(step, places)}${unit ? `${NBSP}${unit}` : ""}` };
  return { value: number.toFixed(places) };
}
