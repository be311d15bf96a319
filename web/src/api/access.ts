// Who may do what, and what waits for somebody: sign-in, users, keys, commands, audit, configuration.
import { type Ask, ask } from "./client";
import type { Paged } from "./types";

export type Role = "viewer" | "operator" | "admin" | "station";

export interface Session {
  identity: { name: string; role: Role } | null;
  via: "local" | "session" | "key" | null;
  /** Whether any account exists; until one does, whoever sits at this computer may do everything. */
  accounts: boolean;
  expires_at?: string | null;
  csrf?: string | null;
}

export interface Signed {
  id: string;
  user: string;
  role: Role;
  created_at: string;
  last_used_at: string | null;
  address: string | null;
  agent: string | null;
  current: boolean;
}

export interface Key {
  id: string;
  name: string;
  role: Role;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  created_by: string | null;
}

export interface User {
  name: string;
  role: Role;
  created_at?: string;
  last_used_at?: string | null;
}

export type CommandState =
  | "requested"
  | "approved"
  | "rejected"
  | "expired"
  | "cancelled"
  | "executing"
  | "done"
  | "failed"
  | "unknown"
  | "rolled_back"
  | "refused";

export interface Decision {
  by: string;
  role: Role;
  decision: "approved" | "rejected" | "confirmed" | "override" | "acknowledged";
  reason: string | null;
  at: string;
}

export interface Command {
  id: number;
  target: string;
  verb: string;
  arguments: Record<string, unknown>;
  requested_by: string;
  reason: string | null;
  tier: number;
  state: CommandState;
  not_after: string | null;
  requested_at: string;
  decisions: Decision[];
  needs?: { role: Role; people: number } | null;
  outcome?: unknown;
  error?: string | null;
  undo?: { verb: string; arguments: Record<string, unknown> } | null;
}

export interface DryRun {
  dry_run: true;
  tier: number;
  would: string;
  needs?: { role: Role; people: number } | null;
  allowed: boolean;
}

export interface AuditRow {
  seq: number;
  at: string;
  who: string;
  role: Role | null;
  step: string;
  command_id: number | null;
  target: string | null;
  verb: string | null;
  detail: unknown;
  hash: string;
}

export interface Audit {
  items: AuditRow[];
  verified?: { ok: boolean; checked: number; head: string; reason?: string | null } | null;
}

export interface Configuration {
  sections: Record<string, Record<string, unknown>>;
  problems: { key: string; reason: string; line: number | null }[];
  origin: Record<string, "default" | "file" | "environment">;
  version: number;
}

/** What somebody decides about a waiting command. */
export type Verdict = "approve" | "reject" | "cancel" | "rollback" | "override";

const post = <T>(path: string, body: unknown = {}): Promise<T> => ask<T>(path, { method: "POST", body });
const remove = (path: string): Promise<void> => ask<void>(path, { method: "DELETE" });
const within = (base: string, name: string | number): string => `${base}/${encodeURIComponent(name)}`;

export const access = {
  session: () => ask<Session>("/api/v1/session"),
  signIn: (user: string, password: string) => post<Session>("/api/v1/session", { user, password }),
  signOut: () => remove("/api/v1/session"),

  sessions: () => ask<Paged<Signed>>("/api/v1/sessions"),
  endSession: (id: string) => remove(within("/api/v1/sessions", id)),
  signOutEverywhere: () => remove("/api/v1/sessions"),

  users: () => ask<Paged<User>>("/api/v1/users"),
  addUser: (user: { name: string; role: Role; password: string }) => post<User>("/api/v1/users", user),
  changeUser: (name: string, change: { role?: Role; password?: string }) =>
    ask<User>(within("/api/v1/users", name), { method: "PATCH", body: change }),
  removeUser: (name: string) => remove(within("/api/v1/users", name)),

  keys: () => ask<Paged<Key>>("/api/v1/keys"),
  addKey: (key: { name: string; role: Role; expires_at?: string }) => post<Key & { key: string }>("/api/v1/keys", key),
  revokeKey: (id: string) => remove(within("/api/v1/keys", id)),

  commands: (query: Ask["query"]) => ask<Paged<Command>>("/api/v1/commands", { query }),
  command: (id: string | number) => ask<Command>(within("/api/v1/commands", id)),
  dryRun: (target: string, verb: string, reason: string) =>
    post<DryRun>("/api/v1/commands", { target, verb, arguments: {}, reason, dry_run: true }),
  decide: (id: number, verdict: Verdict, reason: string) =>
    post<Command>(`${within("/api/v1/commands", id)}/${verdict}`, { reason }),

  audit: (query: Ask["query"]) => ask<Audit>("/api/v1/audit", { query }),
  configuration: () => ask<Configuration>("/api/v1/config"),
};

const RANK: Record<Role, number> = { station: -1, viewer: 0, operator: 1, admin: 2 };

/** Whether this role is enough where that one is asked for. */
export function covers(role: Role, needed: Role): boolean {
  return needed === "station" ? role === "station" : RANK[role] >= RANK[needed];
}
