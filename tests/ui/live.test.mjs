// The page as an instrument: what happens shows, what is pressed happens, and what is old never poses as new.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { PHONE, SCREENSHOTS, THEMES, launch, open, settled, violations } from "./browser.mjs";
import { demo, until } from "./station.mjs";

let station;
let browser;
before(async () => {
  [station, browser] = await Promise.all([demo(), launch()]);
});
after(async () => {
  await browser?.close();
  await station?.stop();
});

const row = (page, path) => page.locator(`a.row-link[href="/actors/${path}"], a.row-link[href="/actors"][aria-current]`).first();
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

test("actor_restarted_from_the_page_comes_back_and_stands_in_the_journal", async () => {
  const { page, errors, close } = await open(browser, `${station.url}/actors/repeater/log-tail`);
  await settled(page);
  await press(page, "Restart");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Why").fill("to see it come back");
  await dialog.getByRole("button", { name: "Restart", exact: true }).click();
  await page.getByText(/log-tail was restarted, incarnation 2/).waitFor();
  await row(page, "repeater/log-tail").getByText("1 restarts").waitFor();
  const { items } = await station.get("/api/v1/events?source=kernel,gate&limit=50");
  assert.ok(items.some(({ data }) => [data.why, data.reason].includes("to see it come back")), "the reason is in the journal");
  assert.deepEqual(errors, []);
  await close();
});

test("page_survives_the_restart_of_the_server_that_serves_it", async () => {
  const { page, close } = await open(browser, `${station.url}/actors/web`);
  await settled(page);
  await press(page, "Restart");
  await page.getByRole("dialog").getByText("goes on by itself").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Restart", exact: true }).click();
  await until("the new incarnation on the page", async () => (await page.locator("dd", { hasText: /^2$/ }).count()) > 0);
  await settled(page);
  await close();
});

test("fault_is_named_on_the_overview_with_its_cause_and_leads_there", async () => {
  const held = await fetch(`${station.url}/api/v1/actors/repeater/parser/stop`, { method: "POST" });
  assert.equal(held.status, 200);
  for (const theme of THEMES) {
    for (const size of [PHONE, undefined]) {
      const { page, close } = await open(browser, station.url, { theme, size });
      await settled(page);
      const cause = page.getByRole("list", { name: "What needs you" }).getByRole("link", { name: /repeater\/parser.*held/ });
      await cause.waitFor();
      await cause.getByText("The station leaves it down until somebody starts it.").waitFor();
      await cause.getByText(/^for \d+\s(s|min)$/).waitFor();
      await page.getByRole("region", { name: "What happened" }).getByText(/^Hold repeater\/parser: done, asked by local$/).waitFor();
      await page.screenshot({ path: `${SCREENSHOTS}degraded-${theme}-${size ? "phone" : "desk"}.png` });
      assert.deepEqual(await violations(page), []);
      await cause.click();
      await page.waitForURL("**/actors/repeater/parser");
      await close();
    }
  }
  const { page, close } = await open(browser, `${station.url}/actors/repeater/parser`);
  await settled(page);
  await press(page, "Start");
  await page.getByRole("dialog").getByRole("button", { name: "Start", exact: true }).click();
  await page.getByText(/parser is up/).waitFor();
  await close();
});

test("silent_station_is_marked_stale_and_the_page_goes_on_where_it_was", async () => {
  const { page, close } = await open(browser, `${station.url}/journal`);
  await settled(page);
  const newest = () => page.locator("ol a").first().getAttribute("href");
  const before = await newest();
  station.signal("SIGSTOP");
  try {
    await page.getByText(/No word from the station/).waitFor({ timeout: 20_000 });
    await page.getByText(/s old/).waitFor();
    assert.match(await page.locator(".top .health").innerText(), /not known/);
    await page.screenshot({ path: `${SCREENSHOTS}stale-light.png` });
    assert.deepEqual(await violations(page), []);
  } finally {
    station.signal("SIGCONT");
  }
  await settled(page);
  assert.equal(await page.getByText(/No word from the station/).count(), 0);
  await until("an event of after", async () => (await newest()) !== before);
  const seqs = await page.locator("ol a").evaluateAll((links) => links.map((link) => Number(link.getAttribute("href").split("/").pop())));
  assert.deepEqual(seqs.slice(0, 20), seqs.slice(0, 20).map((_, index) => seqs[0] - index), "no event is missing and none is there twice");
  await close();
});

test("link_to_a_call_an_event_or_a_filter_shows_the_same_to_everybody", async () => {
  const call = await until("a call", async () => (await station.get("/api/v1/repeater/calls?limit=1")).items[0], 60_000);
  const { page, close } = await open(browser, `${station.url}/repeater/calls/${call.seq}`);
  await page.getByText(new RegExp(`^${call.callsign} to `)).waitFor();
  await page.goto(`${station.url}/journal/${call.seq}`);
  await page.locator("pre", { hasText: call.callsign }).waitFor();
  await page.getByRole("link", { name: "This call" }).click();
  await page.waitForURL(`**/repeater/calls/${call.seq}`);
  await page.goBack();
  await page.waitForURL(`**/journal/${call.seq}`);

  await page.goto(`${station.url}/repeater?callsign=${call.callsign}&mode=${call.mode}`);
  await settled(page);
  assert.equal(await page.getByRole("textbox", { name: "Callsign" }).inputValue(), call.callsign);
  const heard = await page.locator("td.who").allInnerTexts();
  assert.ok(heard.length > 0 && heard.every((who) => who.startsWith(call.callsign)), `${heard}`);
  assert.match(await page.getByRole("link", { name: "CSV" }).getAttribute("href"), new RegExp(`callsign=${call.callsign}`));
  await page.getByRole("combobox", { name: "Mode" }).selectOption("");
  await page.waitForURL((url) => !url.searchParams.has("mode") && url.searchParams.get("callsign") === call.callsign);
  await close();
});

test("page_is_used_by_keyboard_alone", async () => {
  const { page, close } = await open(browser, station.url);
  await settled(page);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the page");
  await page.getByRole("link", { name: "Actors", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/actors");
  await row(page, "recorder").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Restart", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await close();
});
