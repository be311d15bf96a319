// People at a real station: the first user, the door, commands that one may give and commands that take a second person.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { PHONE, SCREENSHOTS, THEMES, enter, launch, open, settled, signIn, violations } from "./browser.mjs";
import { PASSWORD, demo, people, until } from "./station.mjs";

/** Restarting the log tail takes a second person here. */
const TWO = String.raw`
[gate]
rules = [{ verb = 'actor\.restart', target = 'repeater/log-tail', tier = 3 }]
`;

let station;
let browser;
before(async () => {
  [station, browser] = await Promise.all([demo({ more: TWO }), launch()]);
  await people(station, { olga: "admin", ann: "operator", bob: "operator", vic: "viewer" });
});
after(async () => {
  await browser?.close();
  await station?.stop();
});

/** A browser of their own in which somebody is signed in, at a path. */
const as = (name, path = "/", options = {}) => enter(browser, station.url, name, path, options);

/** Restarts the actor that the page shows; resolves with the number of the command. */
async function restart(page, why) {
  await page.getByRole("button", { name: "Restart", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Why").fill(why);
  await dialog.getByRole("button", { name: "Restart", exact: true }).click();
  const link = page.getByRole("link", { name: "See the command" });
  await link.waitFor();
  return Number(new URL(await link.getAttribute("href"), station.url).searchParams.get("command"));
}

const waiting = (page) => page.getByRole("navigation", { name: "Pages" }).getByText(/waiting for a decision/);

/** The card of a command, reached by its link. */
async function card(page, id) {
  await page.goto(`${station.url}/access?command=${id}`);
  await settled(page);
  const linked = page.getByRole("region", { name: "The command of this link" });
  await linked.waitFor();
  return linked;
}

test("operator_restarts_an_actor_from_the_page_and_finds_it_in_the_audit", async () => {
  const { page, errors, close } = await as("ann", "/actors/repeater/parser");
  const id = await restart(page, "to see it come back");
  await page.getByText(/parser was restarted, incarnation 2/).waitFor();
  await (await card(page, id)).getByText("done", { exact: true }).waitFor();

  await page.goto(`${station.url}/journal/audit`);
  await settled(page);
  await page.getByText(/The chain of .* is whole/).waitFor();
  const rows = page.getByRole("list", { name: /Audit/ }).getByRole("listitem");
  for (const step of ["requested", "executing", "done"]) {
    await rows.filter({ hasText: step }).filter({ hasText: "Restart repeater/parser" }).first().waitFor();
  }
  await rows.filter({ hasText: "to see it come back" }).filter({ hasText: "ann" }).first().waitFor();
  await page.screenshot({ path: `${SCREENSHOTS}audit-light.png` });
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(errors, []);
  await close();
});

test("command_of_tier_3_waits_for_a_second_person_who_approves_it_in_another_browser", async () => {
  const incarnation = async () => (await station.get("/api/v1/actors")).children.find(({ id }) => id === "repeater").children.find(({ id }) => id === "log-tail").incarnation;
  const before = await incarnation();
  const ann = await as("ann", "/actors/repeater/log-tail");
  const bob = await as("bob", "/");
  assert.equal(await waiting(bob.page).count(), 0);
  await ann.page.getByRole("button", { name: "Restart", exact: true }).click();
  await ann.page.getByRole("dialog").getByText("Tier 3: it happens once an operator other than you has agreed.").waitFor();
  await ann.page.getByRole("dialog").getByRole("button", { name: "Leave it" }).click();
  const id = await restart(ann.page, "it reads no more");
  await ann.page.getByText("This waits for an operator.").waitFor();

  await waiting(bob.page).waitFor();
  await bob.page.getByRole("list", { name: "What needs you" }).getByRole("link", { name: /one command waiting/ }).click();
  await bob.page.getByText(/Asked by ann .*it reads no more/).waitFor();
  assert.deepEqual(await violations(bob.page), []);
  await bob.page.screenshot({ path: `${SCREENSHOTS}approval-light.png` });
  await bob.page.getByLabel("Reason").fill("I see it too");
  await bob.page.getByRole("button", { name: "Approve" }).click();
  await bob.page.getByText(/bob \(operator\) approved .*I see it too/).waitFor();
  await waiting(bob.page).waitFor({ state: "detached" });

  await ann.page.getByText("Restart repeater/log-tail: done, approved by bob.").waitFor();
  assert.equal(await incarnation(), before + 1);
  const { items } = await station.get("/api/v1/commands");
  assert.equal(items.find((command) => command.id === id).state, "done");
  await ann.close();
  await bob.close();
});

test("requester_cannot_approve_neither_by_a_button_nor_by_force", async () => {
  const ann = await as("ann", "/actors/repeater/log-tail");
  const id = await restart(ann.page, "once more");
  const own = await card(ann.page, id);
  await own.getByText("Somebody else has to approve it: you asked for it.").waitFor();
  assert.equal(await ann.page.getByRole("button", { name: "Approve" }).count(), 0);
  await ann.page.screenshot({ path: `${SCREENSHOTS}own-command-light.png` });

  // A page that has been made to believe somebody else is here offers it, and is refused by the station.
  await ann.page.route(/\/api\/v1\/session$/, async (route) => {
    const answer = await route.fetch();
    const session = await answer.json();
    await route.fulfill({ response: answer, json: { ...session, identity: { ...session.identity, name: "eve" } } });
  });
  const forced = await card(ann.page, id);
  const refused = ann.page.waitForResponse((answer) => answer.url().endsWith(`/commands/${id}/approve`));
  await forced.getByRole("button", { name: "Approve" }).click();
  assert.equal((await refused).status(), 403);
  await forced.getByRole("alert").getByText(/cannot approve it/).waitFor();
  await ann.page.unroute(/\/api\/v1\/session$/);

  const again = await card(ann.page, id);
  await again.getByRole("button", { name: "Withdraw" }).click();
  await again.getByText("withdrawn", { exact: true }).waitFor();
  await waiting(ann.page).waitFor({ state: "detached" });
  await ann.close();
});

test("viewer_sees_what_is_and_no_button", async () => {
  const ann = await as("ann", "/actors/repeater/log-tail");
  const id = await restart(ann.page, "for the viewer");
  const { page, close } = await as("vic", "/actors/repeater/parser");
  await page.getByText("It takes an operator to restart an actor.").waitFor();
  for (const name of ["Restart", "Hold", "Start"]) assert.equal(await page.getByRole("button", { name, exact: true }).count(), 0, name);
  const seen = await card(page, id);
  await seen.getByText("It takes the role operator to decide.").waitFor();
  assert.equal(await seen.getByRole("button").count(), 0);
  for (const [path, role] of [["access/keys", "admin"], ["access/users", "admin"], ["journal/audit", "operator"]]) {
    await page.goto(`${station.url}/${path}`);
    await page.getByText(new RegExp(`It takes the role ${role}`)).waitFor();
  }
  await close();
  await (await card(ann.page, id)).getByRole("button", { name: "Withdraw" }).click();
  await waiting(ann.page).waitFor({ state: "detached" });
  await ann.close();
});

test("admin_overrides_in_an_emergency_only_with_a_reason_and_a_typed_word", async () => {
  const { page, close } = await as("olga", "/actors/repeater/log-tail");
  const id = await restart(page, "nobody else is awake");
  await (await card(page, id)).getByRole("button", { name: "Override" }).click();
  const dialog = page.getByRole("dialog");
  const sure = dialog.getByRole("button", { name: "Override" });
  assert.ok(await sure.isDisabled());
  await dialog.getByLabel("Type").fill("repeater/log-tail");
  await dialog.getByLabel("Why").fill("the site is dark");
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: `${SCREENSHOTS}override-light.png` });
  await sure.click();
  await page.getByRole("region", { name: "The command of this link" }).getByText(/olga \(admin\) override .*the site is dark/).waitFor();
  await close();
});

test("sign_in_says_that_it_was_wrong_without_saying_what_and_then_who_is_here", async () => {
  const { page, close } = await open(browser, `${station.url}/access`);
  await settled(page);
  await signIn(page, "bob", "not the password");
  await page.getByRole("alert").getByText("The name or the password is wrong.").waitFor();
  assert.deepEqual(await violations(page), []);
  await signIn(page, "bob");
  await page.getByText(/You are bob, operator/).waitFor();
  await page.getByRole("button", { name: "bob: menu" }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("form", { name: "Sign in" }).waitFor();
  await close();
});

test("key_is_shown_once_lets_in_and_is_of_no_use_once_it_is_revoked", async () => {
  const { page, close } = await as("olga", "/access/keys");
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("dashboard");
  await page.getByRole("button", { name: "Make the key" }).click();
  const shown = page.getByText(/^sk_/);
  const key = (await shown.innerText()).trim();
  assert.deepEqual(await violations(page), []);
  const enter = async () => (await fetch(`${station.url}/api/v1/health`, { headers: { Authorization: `Bearer ${key}` } })).status;
  assert.equal(await enter(), 200);
  await page.getByRole("button", { name: "I have it" }).click();
  await page.reload();
  await page.getByRole("listitem").getByText("dashboard").waitFor();
  assert.ok(!(await page.content()).includes(key), "a key is never shown again");

  await page.getByRole("listitem").getByRole("button", { name: "Revoke" }).click();
  const sure = page.getByRole("dialog").getByRole("button", { name: "Revoke" });
  assert.ok(await sure.isDisabled());
  await page.getByRole("dialog").getByRole("textbox").fill("dashboard");
  await sure.click();
  await page.getByText("No keys yet").waitFor();
  assert.equal(await enter(), 401);
  await close();
});

test("signing_out_everywhere_ends_the_other_browser_as_well", async () => {
  const [here, there] = [await as("bob", "/access/sessions"), await as("bob", "/journal")];
  await here.page.reload();
  await here.page.getByRole("button", { name: "Sign out everywhere" }).click();
  for (const { page } of [here, there]) await page.getByRole("button", { name: "bob: menu" }).waitFor({ state: "detached" });
  await here.page.getByRole("form", { name: "Sign in" }).waitFor();
  await here.close();
  await there.close();
});

test("station_without_accounts_says_what_to_do_first_and_takes_the_first_user", async () => {
  const fresh = await demo();
  try {
    const { page, errors, close } = await open(browser, fresh.url);
    await settled(page);
    await page.screenshot({ path: `${SCREENSHOTS}unclaimed-light.png` });
    await page.getByRole("link", { name: "Add the first user" }).click();
    await page.getByRole("button", { name: "New user" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("ada");
    await dialog.getByLabel("Password").fill(PASSWORD);
    await page.screenshot({ path: `${SCREENSHOTS}first-user-light.png` });
    assert.deepEqual(await violations(page), []);
    await dialog.getByRole("button", { name: "Add the user" }).click();
    await signIn(page, "ada");
    await page.getByRole("listitem").getByText("ada", { exact: true }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Add the first user" }).count(), 0);
    assert.deepEqual(errors.filter((error) => !error.includes("403")), []);
    await close();
  } finally {
    await fresh.stop();
  }
});

test("stranger_sees_the_door_and_after_the_sign_in_the_page_that_was_asked_for", async () => {
  const closed = await demo({ environment: { STATIOND__ACCESS__LOCAL_ROLE: "none" } });
  try {
    await people(closed, { ada: "admin" });
    for (const theme of THEMES) {
      const { page, close } = await open(browser, `${closed.url}/actors`, { theme, size: PHONE });
      await page.getByText("This station tells nothing to strangers.").waitFor();
      assert.equal(await page.getByText(/No word from the station/).count(), 0);
      await page.screenshot({ path: `${SCREENSHOTS}sign-in-${theme}.png` });
      assert.deepEqual(await violations(page), [], theme);
      await signIn(page, "ada");
      await page.getByText(/actors are up/).waitFor();
      await until("a word from the socket", async () => (await page.getByText("live", { exact: true }).count()) > 0);
      await close();
    }
  } finally {
    await closed.stop();
  }
});
