// The pages in the order of the rail. A new page is a folder beside this file and a line in this list.
import type { Component } from "svelte";

import type { IconName } from "../components/icons";

export interface Page {
  /** The first part of its path; empty for the first page. */
  path: string;
  title: string;
  icon: IconName;
  /** The first page comes with the shell; the others are read when somebody goes there. */
  load: () => Promise<{ default: Component }>;
}

export const PAGES: readonly Page[] = [
  { path: "", title: "Overview", icon: "overview", load: () => import("./overview/Overview.svelte") },
  { path: "repeater", title: "Repeater", icon: "repeater", load: () => import("./repeater/Repeater.svelte") },
  { path: "power", title: "Power", icon: "power", load: () => import("./power/Power.svelte") },
  { path: "actors", title: "Actors", icon: "actors", load: () => import("./actors/Actors.svelte") },
  { path: "journal", title: "Journal", icon: "journal", load: () => import("./journal/Journal.svelte") },
  { path: "access", title: "Access", icon: "access", load: () => import("./access/Access.svelte") },
];

/** The page of a path, and what of the path is left for it. */
export function pageOf(path: string): { page: Page | undefined; rest: string } {
  const [, first = "", ...rest] = path.split("/");
  const page = PAGES.find((page) => page.path === first);
  return { page, rest: rest.map(decodeURIComponent).join("/") };
}
