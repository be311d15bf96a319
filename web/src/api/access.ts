// Who may do what, and what waits for somebody: sign-in, users, keys, commands, audit, configuration.
import { type Ask, ask } from "./client";
import type { components } from "./schema";
import type { Paged } from "./types";

type Schemas = components["schemas"];

export type Role = Schemas["Role"];
export type Session = Schemas["SessionNow"];
export type Signed = Schemas["SessionShown"];
export type Key = Schemas["KeyShown"];
export type User = Schemas["UserShown"];
export type Command = Schemas["Command"];
export type CommandState = Schemas["CommandState"];
export type DryRun = Schemas["DryRun"];
export type Audit = Schemas["AuditPage"];
export type AuditRow = Schemas["AuditRow"];

/** What is wrong with a key of the configuration. */
export interface ConfigProblem {
  key: string;
  reason: string;
  line: number | null;
}

/** The configuration as it runs. The description leaves these parts open: their keys are the configuration's. */
export type Configuration = Omit<Schemas["ConfigShown"], "sections" | "problems" | "origin"> & {
  sections: Record<string, Record<string, unknown>>;
  problems: ConfigProblem[];
  origin: Record<string, "default" | "file" | "environment">;
};
export type Version = Schemas["VersionShown"];

/** What came of a check. */
export interface Checked {
  ok: boolean;
  problems: ConfigProblem[];
  difference: {
    changes: { key: string; old: unknown; new: unknown }[];
    more: number;
    after_restart: string[];
    restarts: string[];
  } | null;
}

/** A problem of the configuration in words. */
export function told(problem: ConfigProblem): string {
  const line = problem.line === null ? "" : `line ${problem.line}`;
  return [line, problem.key, problem.reason].filter(Boolean).join(": ");
}

/** Something that somebody wants done. */
export interface Wanted {
  target: string;
  verb: string;
  arguments?: Record<string, unknown>;
  reason?: string;
}

/** What somebody says to a command. */
export type Say = Schemas["Say"];

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
  addUser: (user: Schemas["NewUser"]) => post<User>("/api/v1/users", user),
  changeUser: (name: string, change: Schemas["UserChange"]) =>
    ask<User>(within("/api/v1/users", name), { method: "PATCH", body: change }),
  removeUser: (name: string) => remove(within("/api/v1/users", name)),

  keys: () => ask<Paged<Key>>("/api/v1/keys"),
  addKey: (key: Schemas["NewKeyAsked"]) => post<Schemas["KeyMade"]>("/api/v1/keys", key),
  /** Done, or a command that waits for people. */
  revokeKey: (id: string) => ask<Command | undefined>(within("/api/v1/keys", id), { method: "DELETE" }),

  commands: (query: Ask["query"]) => ask<Paged<Command>>("/api/v1/commands", { query }),
  command: (id: string | number) => ask<Command>(within("/api/v1/commands", id)),
  dryRun: (wanted: Wanted) => post<DryRun>("/api/v1/commands", { arguments: {}, ...wanted, dry_run: true }),
  request: (wanted: Wanted) => post<Command>("/api/v1/commands", wanted),
  say: (id: number, say: Say, reason: string) => post<Command>(`${within("/api/v1/commands", id)}/${say}`, { reason }),

  audit: (query: Ask["query"]) => ask<Audit>("/api/v1/audit", { query }),

  configuration: () => ask<Configuration>("/api/v1/config"),
  versions: () => ask<Schemas["Versions"]>("/api/v1/config/versions"),
  validate: (toml: string) => post<Checked>("/api/v1/config/validate", { toml }),
  apply: (toml: string, reason: string) => post<Command>("/api/v1/config/apply", { toml, reason }),
  rollBack: (version: number, reason: string) => post<Command>("/api/v1/config/rollback", { version, reason }),
  reload: (reason: string) => post<Command>("/api/v1/config/reload", { reason }),
};

const RANK: Record<Role, number> = { station: -1, viewer: 0, operator: 1, admin: 2 };

/** Whether this role is enough where that one is asked for. */
export function covers(role: Role, needed: Role): boolean {
  return needed === "station" ? role === "station" : RANK[role] >= RANK[needed];
}

/** The person behind a command: whoever asked, or the owner of the key that did. */
export function requester(command: Command): string {
  return command.requester_owner ?? command.requested_by;
}
