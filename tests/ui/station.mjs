// A station of one's own on a free port: the built binary, as a person would start it.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const LIMIT_MS = 30_000;

/** What is built: by STATIOND_BINARY, or where Cargo leaves it. */
export const BINARY = process.env.STATIOND_BINARY ?? `${process.env.CARGO_TARGET_DIR ?? "target"}/debug/stationd`;

const DEMO = readFileSync(new URL("../../config/demo.toml", import.meta.url), "utf8");

/** A password that nobody minds reading here. */
export const PASSWORD = "correct horse battery";

/**
 * Starts a demo station and resolves once it listens; `more` is added to its configuration. `said` has what it writes to
 * its log, the oldest first. `stop` ends it; whoever starts one has to.
 */
export function demo({ more = "", environment = {} } = {}) {
  return start("demo", () => `${DEMO}\n${more}`, environment);
}

/** The same of a station that is no demo: `toml` is its whole configuration, but for its files. */
export function run({ toml }) {
  return start("run", (home) => `[journal]\npath = "${home}/stationd.db"\n[repeater]\nlog_directory = "${home}"\n${toml}`);
}

async function start(what, text, environment = {}) {
  const home = mkdtempSync(join(tmpdir(), "stationd-ui-"));
  const config = join(home, "stationd.toml");
  writeFileSync(config, text(home));
  const child = spawn(BINARY, [what, "--config", config], {
    env: { ...process.env, STATIOND__WEB__PORT: "0", STATIOND__LOG__FORMAT: "json", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const said = [];
  const address = await listening(child, said);
  const url = `http://${address}`;
  return {
    url,
    said,
    config,
    get: async (path) => (await fetch(url + path)).json(),
    signal: (name) => child.kill(name),
    stop: async () => {
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Lets people in, by name and role. The first has to be an admin, who lets in the others. */
export async function people({ url }, roles) {
  let admin = {};
  for (const [name, role] of Object.entries(roles)) {
    await told(url, "/api/v1/users", { name, role, password: PASSWORD }, admin);
    if (admin.Cookie) continue;
    const { answer, body } = await told(url, "/api/v1/session", { user: name, password: PASSWORD });
    admin = { Cookie: answer.headers.getSetCookie()[0].split(";")[0], "X-CSRF-Token": body.csrf };
  }
}

async function told(url, path, what, headers = {}) {
  const answer = await fetch(url + path, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(what) });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${JSON.stringify(body)}`);
  return { answer, body };
}

function listening(child, said) {
  return new Promise((resolve, reject) => {
    const story = () => said.map((line) => JSON.stringify(line)).join("\n");
    const limit = setTimeout(() => reject(new Error(`the station does not come up:\n${story()}`)), LIMIT_MS);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the station ended with ${code}:\n${story()}`)));
    createInterface({ input: child.stderr }).on("line", (text) => {
      const line = text.startsWith("{") ? JSON.parse(text) : { message: text };
      said.push(line);
      if (line.message !== "listening") return;
      clearTimeout(limit);
      resolve(line.address);
    });
  });
}

/** Asks until the answer is right; nobody waits for a fixed time. */
export async function until(what, ask, limit_ms = LIMIT_MS) {
  const deadline = performance.now() + limit_ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limit_ms / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
