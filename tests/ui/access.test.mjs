// The page of keys and decisions with everything that may stand there. What the service answers is staged here, because some of
// it is rare: a command whose outcome nobody knows, one that the policy refused. What people do there is in `people.test.mjs`.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { DESK, PHONE, SCREENSHOTS, THEMES, launch, open, settled, violations } from "./browser.mjs";
import { demo } from "./station.mjs";

let station;
let browser;
before(async () => {
  [station, browser] = await Promise.all([demo(), launch()]);
});
after(async () => {
  await browser?.close();
  await station?.stop();
});

const AT = "2026-11-21T09:00:00.000Z";
const LATER = "2126-11-21T09:00:00.000Z";
const signed = (name, role) => ({ identity: { name, role }, via: "session", accounts: true, csrf: "proof" });

const command = (fields) => ({
  id: 1, target: "repeater/parser", verb: "actor.restart", arguments: {}, requested_by: "ada", reason: "lines of no known form",
  requester_role: "operator", origin: "192.0.2.8", tier: 3, state: "requested", not_after: LATER, requested_at: AT, decisions: [],
  needs: { role: "operator", people: 1 }, events: [], ...fields,
});

/** Answers in the service's place, by `METHOD path`. */
function stage(answers) {
  return async (page) => {
    await page.route(/\/api\/v1\/(session|sessions|users|keys|commands|audit|config)\b/, async (route) => {
      const request = route.request();
      const answer = answers[`${request.method()} ${new URL(request.url()).pathname}`];
      return route.fulfill(answer === undefined ? { status: 404, json: { title: "There is no such thing" } } : { json: answer });
    });
  };
}

const FULL = {
  "GET /api/v1/session": signed("grace", "admin"),
  "GET /api/v1/commands": {
    items: [
      command({}),
      command({ id: 2, verb: "config.reload", target: "station", tier: 2, state: "done", reason: "", undo: { verb: "config.rollback", arguments: {} }, decisions: [{ by: "grace", role: "admin", decision: "confirmed", reason: "", at: AT }] }),
      command({ id: 5, state: "unknown", tier: 1, error: "the service ended while it ran" }),
      command({ id: 4, requested_by: "key dashboard", requester_owner: "grace", needs: { role: "operator", people: 2 } }),
      command({ id: 3, verb: "actor.hold", target: "web", tier: 4, state: "refused", error: "policy: the server is never held" }),
    ],
  },
  "GET /api/v1/sessions": {
    items: [
      { id: "s1", user: "grace", role: "admin", created_at: AT, last_used_at: AT, address: "192.0.2.7", agent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36", current: true },
      { id: "s2", user: "ada", role: "operator", created_at: AT, last_used_at: null, address: "192.0.2.8", agent: "Mozilla/5.0 (iPhone) Safari/604.1", current: false },
    ],
  },
  "GET /api/v1/keys": { items: [{ id: "k1", name: "dashboard", role: "viewer", created_at: AT, expires_at: LATER, last_used_at: AT, created_by: "ada" }] },
  "GET /api/v1/users": { items: [{ name: "ada", role: "operator" }, { name: "grace", role: "admin" }] },
  "GET /api/v1/audit": {
    items: [{ number: 2, seq: 2, at: AT, who: "grace", role: "admin", step: "command_approved", command_id: 2, target: "station", verb: "config.reload", detail: {}, hash: "9f2c1ab37d" }],
    verified: { ok: true, checked: 2, head: "9f2c1ab37d" },
  },
  "GET /api/v1/config": {
    sections: { station: { name: "GB7QX" }, web: { bind: "127.0.0.1", port: 8080, secret: "•••" } },
    problems: [{ key: "web.prot", reason: "unknown key; did you mean web.port?", line: 3, origin: "file" }],
    origin: { "station.name": "file", "web.port": "environment" },
    version: 4,
    on_trial: 4,
    file: "/var/lib/stationd/stationd.toml",
    pending: ["gate.approval_minutes"],
  },
  "GET /api/v1/config/versions": {
    items: [
      { version: 4, at: AT, who: "grace", why: "the new callsign", current: true },
      { version: 3, at: AT, who: "signal", why: "", current: false },
    ],
  },
};

for (const theme of THEMES) {
  test(`every_view_of_access_in_${theme}_is_whole_and_axe_finds_nothing`, async () => {
    for (const size of [PHONE, DESK]) {
      const { page, errors, close } = await open(browser, `${station.url}/access`, { theme, size, prepare: stage(FULL) });
      for (const view of ["access", "access/sessions", "access/keys", "access/users", "access/configuration", "journal/audit"]) {
        await page.goto(`${station.url}/${view}`);
        await settled(page);
        await page.getByRole("button", { name: "grace: menu" }).waitFor();
        await page.screenshot({ path: `${SCREENSHOTS}${view.replace("/", "-")}-signed-in-${theme}-${size.width}x${size.height}.png` });
        assert.deepEqual(await violations(page), [], `${view} ${theme}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${view} ${theme} is ${wide} px wider than the screen`);
      }
      assert.deepEqual(errors, []);
      await close();
    }
  });
}
