// The one way from the page to the service: JSON in, JSON out, problem documents as errors, nothing waits for ever.

/** Longest wait for an answer. A restart answers when it is done, which may take some seconds. */
const LIMIT_MS = 30_000;

/** What the service answers when it will not. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    override readonly message: string,
    /** The role that it takes, when it is that. */
    readonly needed?: string,
  ) {
    super(message);
  }

  get missing(): boolean {
    return this.status === 404;
  }

  get forbidden(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

export interface Ask {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  query?: Record<string, string | number | undefined> | undefined;
  body?: unknown;
  limit_ms?: number;
}

/** The proof that a call comes from this page. Set by the session. */
let csrf: string | undefined;

export function setCsrf(token: string | undefined): void {
  csrf = token;
}

/** A path with its query; what is undefined or empty is left out. */
export function url(path: string, query: Ask["query"] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

export async function ask<T>(path: string, { method = "GET", query, body, limit_ms = LIMIT_MS }: Ask = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  const answer = await reach(url(path, query), {
    method,
    headers,
    signal: AbortSignal.timeout(limit_ms),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const told: unknown = answer.status === 204 ? undefined : await answer.json().catch(() => undefined);
  // Health answers 503 with a document of its own when the station is down: that is an answer.
  if (!answer.ok && !(told && typeof told === "object" && "health" in told)) throw problem(answer.status, told);
  return told as T;
}

async function reach(address: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(address, request);
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new Problem(0, "unreachable", late ? "The station does not answer." : "The station cannot be reached.");
  }
}

function problem(status: number, told: unknown): Problem {
  const document = (told ?? {}) as { type?: string; title?: string; detail?: string; needed?: string };
  const words = document.detail || document.title || `The station answered ${status}.`;
  return new Problem(status, document.type ?? "", words, document.needed);
}

/** An error in words for people. */
export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
