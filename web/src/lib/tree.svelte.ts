// The supervisor tree for the pages that show it: read when they open, after each change in it, and now and then,
// because mailboxes and heartbeats change without an event.
import { ask } from "../api/client";
import type { TreeNode } from "../api/types";
import { live } from "../live/live.svelte";
import { Loader } from "./loader.svelte";

const EVERY_MS = 2_000;

/** Changes come in bursts: a restart of a group is a dozen events. */
const GATHER_MS = 120;

export const tree = new Loader<TreeNode>(() => ask<TreeNode>("/api/v1/actors", { limit_ms: 5_000 }));

/** Keeps the tree up to date for as long as the page that asks is open. For `$effect`. */
export function followTree(): () => void {
  void tree.load();
  let gathering: ReturnType<typeof setTimeout> | undefined;
  const deaf = live.listen((event) => {
    if (event.source !== "kernel") return;
    clearTimeout(gathering);
    gathering = setTimeout(() => void tree.load(), GATHER_MS);
  });
  const timer = setInterval(() => {
    if (!document.hidden && !live.stale) void tree.load();
  }, EVERY_MS);
  return () => {
    deaf();
    clearTimeout(gathering);
    clearInterval(timer);
  };
}

export interface Row {
  node: TreeNode;
  depth: number;
  parent: TreeNode | null;
}

/** The tree in the order in which it is read, the root left out: the page itself stands for it. */
export function flat(root: TreeNode): Row[] {
  const rows: Row[] = [];
  const walk = (parent: TreeNode, depth: number): void => {
    for (const node of parent.children) {
      rows.push({ node, depth, parent });
      walk(node, depth + 1);
    }
  };
  walk(root, 0);
  return rows;
}

export function find(root: TreeNode | undefined, path: string): Row | undefined {
  return root && flat(root).find((row) => row.node.path === path);
}

/** Who goes down and comes up again with this one, by its supervisor's strategy. */
export function companions({ node, parent }: Row): TreeNode[] {
  if (!parent) return [];
  const at = parent.children.findIndex((child) => child.id === node.id);
  if (parent.strategy === "one_for_all") return parent.children.filter((child) => child.id !== node.id);
  return parent.strategy === "rest_for_one" ? parent.children.slice(at + 1) : [];
}
