// The page of keys and decisions. What the service answers is staged here, so that each answer can be had: a first user, a wrong
// password, a command of one's own, a role that is not enough.
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
const nobody = { identity: { name: "local", role: "viewer" }, via: "local", accounts: true };
const signed = (name, role) => ({ identity: { name, role }, via: "session", accounts: true, csrf: "proof" });
const problem = (status, detail, more = {}) => ({ status, json: { type: "urn:stationd:problem:x", title: detail, detail, status, ...more } });

const command = (fields) => ({
  id: 1, target: "repeater/parser", verb: "actor.restart", arguments: {}, requested_by: "ada", reason: "lines of no known form",
  tier: 3, state: "requested", not_after: LATER, requested_at: AT, decisions: [], needs: { role: "operator", people: 1 }, ...fields,
});

/** Answers in the service's place; what was asked is kept, `METHOD path` with its body. */
function stage(answers, asked = []) {
  return async (page) => {
    await page.route(/\/api\/v1\/(session|sessions|users|keys|commands|audit|config)\b/, async (route) => {
      const request = route.request();
      const key = `${request.method()} ${new URL(request.url()).pathname}`;
      asked.push({ key, body: request.postDataJSON(), csrf: request.headers()["x-csrf-token"] });
      const answer = answers[key];
      if (answer === undefined) return route.fulfill(problem(404, "There is no such thing"));
      const told = typeof answer === "function" ? answer(request) : answer;
      return route.fulfill(told?.status ? told : { json: told });
    });
  };
}

test("station_without_accounts_says_what_to_do_first_and_takes_the_first_user", async () => {
  const asked = [];
  let accounts = false;
  const prepare = stage({
    "GET /api/v1/session": () => ({ identity: { name: "local", role: "admin" }, via: "local", accounts }),
    "GET /api/v1/users": () => ({ items: accounts ? [{ name: "ada", role: "admin" }] : [] }),
    "POST /api/v1/users": () => ((accounts = true), { name: "ada", role: "admin" }),
  }, asked);
  const { page, errors, close } = await open(browser, station.url, { prepare });
  await settled(page);
  await page.getByRole("link", { name: "Add the first user" }).click();
  await page.getByRole("button", { name: "New user" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("ada");
  await page.getByRole("dialog").getByLabel("Password").fill("a long one");
  await page.screenshot({ path: `${SCREENSHOTS}first-user-light.png` });
  assert.deepEqual(await violations(page), []);
  await page.getByRole("button", { name: "Add the user" }).click();
  await page.getByRole("listitem").getByText("ada", { exact: true }).waitFor();
  const posted = asked.find(({ key }) => key === "POST /api/v1/users");
  assert.deepEqual(posted.body, { name: "ada", role: "admin", password: "a long one" });
  assert.deepEqual(errors, []);
  await close();
});

test("sign_in_refuses_a_wrong_password_and_then_shows_who_is_here", async () => {
  let session = nobody;
  const prepare = stage({
    "GET /api/v1/session": () => session,
    "POST /api/v1/session": (request) => {
      if (request.postDataJSON().password !== "right") return problem(401, "no");
      return (session = signed("ada", "operator"));
    },
    "DELETE /api/v1/session": () => ((session = nobody), { status: 204 }),
    "GET /api/v1/commands": { items: [] },
  });
  const { page, close } = await open(browser, `${station.url}/access`, { prepare });
  await settled(page);
  for (const [password, seen] of [["wrong", /The name or the password is wrong/], ["right", /You are ada, operator/]]) {
    await page.getByLabel("Name").fill("ada");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByText(seen).waitFor();
  }
  await page.getByRole("button", { name: "ada: menu" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("form", { name: "Sign in" }).waitFor();
  await close();
});

test("second_person_approves_and_whoever_asked_is_not_offered_to", async () => {
  const asked = [];
  let waiting = command({});
  const answers = (who) => ({
    "GET /api/v1/session": signed(who, "operator"),
    "GET /api/v1/commands": () => ({ items: [waiting] }),
    "POST /api/v1/commands/1/approve": () => (waiting = command({ state: "done", decisions: [{ by: "grace", role: "operator", decision: "approved", reason: "yes", at: AT }] })),
  });
  const own = await open(browser, `${station.url}/access`, { prepare: stage(answers("ada")) });
  await own.page.getByText("Somebody else has to approve it: you asked for it.").waitFor();
  assert.equal(await own.page.getByRole("button", { name: "Approve" }).count(), 0);
  await own.close();

  const other = await open(browser, `${station.url}/access`, { prepare: stage(answers("grace"), asked) });
  await other.page.getByLabel("Reason").fill("yes");
  await other.page.getByRole("button", { name: "Approve" }).click();
  await other.page.getByText(/grace \(operator\) approved/).waitFor();
  const decided = asked.find(({ key }) => key.endsWith("/approve"));
  assert.deepEqual([decided.body, decided.csrf], [{ reason: "yes" }, "proof"]);
  await other.close();
});

test("viewer_is_told_which_role_it_takes_instead_of_a_button_that_fails", async () => {
  const prepare = stage({
    "GET /api/v1/session": nobody,
    "GET /api/v1/keys": problem(403, "not yours", { needed: "admin" }),
  });
  const { page, close } = await open(browser, `${station.url}/actors/recorder`, { prepare });
  await settled(page);
  assert.ok(await page.getByRole("button", { name: "Restart" }).isDisabled());
  await page.getByText("It takes an operator to restart an actor.").waitFor();
  await page.goto(`${station.url}/access/keys`);
  await page.getByText(/It takes the role admin/).waitFor();
  await close();
});

test("stranger_sees_the_door_and_after_the_sign_in_the_page_that_was_asked_for", async () => {
  let session = { identity: null, via: null, accounts: true };
  const refuse = () => problem(401, "sign in");
  const prepare = async (page) => {
    await stage({ "GET /api/v1/session": () => session, "POST /api/v1/session": () => (session = signed("ada", "viewer")) })(page);
    await page.route(/\/api\/v1\/(health|actors|events|repeater)/, (route) => (session.identity ? route.fallback() : route.fulfill(refuse())));
  };
  const { page, close } = await open(browser, `${station.url}/actors`, { prepare });
  await page.getByText("This station tells nothing to strangers.").waitFor();
  assert.equal(await page.getByText(/No word from the station/).count(), 0);
  await page.screenshot({ path: `${SCREENSHOTS}sign-in-light.png` });
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill("right");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText(/actors are up/).waitFor();
  await close();
});

test("key_is_shown_once_and_revoked_only_by_its_name", async () => {
  const key = { id: "k1", name: "dashboard", role: "viewer", created_at: AT, expires_at: null, last_used_at: null, created_by: "ada" };
  let keys = [];
  const prepare = stage({
    "GET /api/v1/session": signed("ada", "admin"),
    "GET /api/v1/keys": () => ({ items: keys }),
    "POST /api/v1/keys": () => ((keys = [key]), { ...key, key: "sk_shown_once" }),
    "DELETE /api/v1/keys/k1": () => ((keys = []), { status: 204 }),
  });
  const { page, close } = await open(browser, `${station.url}/access/keys`, { prepare });
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("dashboard");
  await page.getByRole("button", { name: "Make the key" }).click();
  await page.getByText("sk_shown_once").waitFor();
  await page.getByRole("button", { name: "I have it" }).click();
  assert.equal(await page.getByText("sk_shown_once").count(), 0);
  await page.getByRole("listitem").getByRole("button", { name: "Revoke" }).click();
  const sure = page.getByRole("dialog").getByRole("button", { name: "Revoke" });
  assert.ok(await sure.isDisabled());
  await page.getByRole("dialog").getByRole("textbox").fill("dashboard");
  await sure.click();
  await page.getByText("No keys yet").waitFor();
  await close();
});

const FULL = {
  "GET /api/v1/session": signed("grace", "admin"),
  "GET /api/v1/commands": {
    items: [
      command({}),
      command({ id: 2, verb: "config.reload", target: "station", tier: 2, state: "done", reason: null, undo: { verb: "config.rollback", arguments: {} }, decisions: [{ by: "grace", role: "admin", decision: "confirmed", reason: null, at: AT }] }),
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
    items: [{ seq: 2, at: AT, who: "grace", role: "admin", step: "confirmed", command_id: 2, target: "station", verb: "config.reload", detail: null, hash: "9f2c1ab37d" }],
    verified: { ok: true, checked: 2, head: "9f2c1ab37d" },
  },
  "GET /api/v1/config": {
    sections: { station: { name: "GB7QX" }, web: { bind: "127.0.0.1", port: 8080, secret: "•••" } },
    problems: [{ key: "web.prot", reason: "unknown key; did you mean web.port?", line: 3, origin: "file" }],
    origin: { "station.name": "file", "web.port": "environment" },
    version: 4,
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
