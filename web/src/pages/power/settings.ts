// How a setting stands, and whether a value fits it. Pure.
import { NBSP, figure } from "../../lib/format";
import type { Setting } from "./api";

const given = (text: string): boolean => text.trim() !== "";

/** The value in force, in words. */
export function currentWords({ argument, current }: Setting): string {
  if (!current || current.value === null) return "–";
  if (current.label) return current.label;
  const step = argument?.kind === "number" ? decimals(argument.step) : 0;
  const text = typeof current.value === "number" ? figure(current.value, Math.max(step, decimals(current.value))) : current.value;
  return current.unit && current.unit !== "bool" ? `${text}${NBSP}${current.unit}` : text;
}

/** Decimals of a number as it is written; a step of 0.1 has one. */
export function decimals(value: number): number {
  return String(value).split(".")[1]?.length ?? 0;
}

/** What the form begins with: the value in force where it is one that can be chosen. */
export function initial({ argument, current }: Setting): string {
  const value = current?.value;
  if (!argument || value === null || value === undefined) return "";
  if (argument.kind === "number") return typeof value === "number" ? value.toFixed(decimals(argument.step)) : value;
  if (argument.kind === "text") return String(value);
  const same = argument.choices.find((choice) => choice.value === String(value) || choice.label === value || choice.label === current?.label);
  return same?.value ?? "";
}

/** The value as the device takes it, or why it cannot be one. */
export function judge({ argument }: Setting, text: string): { value: string | undefined } | { wrong: string } {
  if (!argument) return { value: undefined };
  if (!given(text)) return { wrong: "" };
  if (argument.kind === "choice") return { value: text };
  if (argument.kind === "text") return new RegExp(`^(?:${argument.pattern})$`).test(text) ? { value: text } : { wrong: `It has to look like ${argument.pattern}` };
  const { min, max, step, unit } = argument;
  const number = Number(text.replace(",", "."));
  if (!Number.isFinite(number) || number < min || number > max) return { wrong: `From ${figure(min, decimals(min))} to ${figure(max, decimals(max))}${NBSP}${unit}` };
  const places = decimals(step);
  // Tenths are no exact numbers: what is off the grid by less than a millionth of a step is on it.
  const off = Math.abs((number - min) / step - Math.round((number - min) / step));
  if (step > 0 && off > 1e-6) return { wrong: `In steps of ${figure(step, places)}${NBSP}${unit}` };
  return { value: number.toFixed(Math.max(places, decimals(min))) };
}
