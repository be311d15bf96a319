// A station of one's own on a free port: the built binary, as a person would start it.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const LIMIT_MS = 30_000;

/** What is built: by STATIOND_BINARY, or where Cargo leaves it. */
export const BINARY = process.env.STATIOND_BINARY ?? `${process.env.CARGO_TARGET_DIR ?? "target"}/debug/stationd`;

/** Starts a demo station and resolves once it listens. `stop` ends it; whoever starts one has to. */
export async function demo(environment = {}) {
  const child = spawn(BINARY, ["demo"], {
    env: { ...process.env, STATIOND__WEB__PORT: "0", STATIOND__LOG__FORMAT: "json", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const address = await listening(child);
  const url = `http://${address}`;
  return {
    url,
    get: async (path) => (await fetch(url + path)).json(),
    signal: (name) => child.kill(name),
    stop: async () => {
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function listening(child) {
  return new Promise((resolve, reject) => {
    const heard = [];
    const limit = setTimeout(() => reject(new Error(`the station does not come up:\n${heard.join("\n")}`)), LIMIT_MS);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the station ended with ${code}:\n${heard.join("\n")}`)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      heard.push(line);
      const said = line.startsWith("{") ? JSON.parse(line) : {};
      if (said.message !== "listening") return;
      clearTimeout(limit);
      resolve(said.address);
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
