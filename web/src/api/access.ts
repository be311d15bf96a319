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

/** The configuration as it runs. Services before that path answer 404. */
export interface Configuration {
  sections: Record<string, Record<string, unknown>>;
  problems: { key: string; reason: string; line: number | null }[];
  origin: Record<string, "default" | "file" | "environment">;
  version: number;
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
  revokeKey: (id: string) => remove(within("/api/v1/keys", id)),

  commands: (query: Ask["query"]) => ask<Paged<Command>>("/api/v1/commands", { query }),
  command: (id: string | number) => ask<Command>(within("/api/v1/commands", id)),
  dryRun: (wanted: Wanted) => post<DryRun>("/api/v1/commands", { arguments: {}, ...wanted, dry_run: true }),
  request: (wanted: Wanted) => post<Command>("/api/v1/commands", wanted),
  say: (id: number, say: Say, reason: string) => post<Command>(`${within("/api/v1/commands", id)}/${say}`, { reason }),

  audit: (query: Ask["query"]) => ask<Audit>("/api/v1/audit", { query }),
  configuration: () => ask<Configuration>("/api/v1/config"),
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
