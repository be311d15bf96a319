// The power system in the browser, against the demo's plant: where the energy goes, what is told of a device that is away, and
// settings that are changed through the gate, down to the bytes on the simulated line.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { DESK, PHONE, SCREENSHOTS, THEMES, enter, launch, open, settled, violations } from "./browser.mjs";
import { demo, people, until } from "./station.mjs";

let station;
let browser;
before(async () => {
  [station, browser] = await Promise.all([demo({ environment: { STATIOND__LOG__LEVEL: "info,stationd_sim=debug" } }), launch()]);
  await until("a minute to look back at", async () => (await station.get("/api/v1/power/inverter/history")).series.length > 0, 150_000);
  await people(station, { olga: "admin", ann: "operator", bob: "operator", vic: "viewer" });
});
after(async () => {
  await browser?.close();
  await station?.stop();
});

const as = (name, path, options) => enter(browser, station.url, name, path, options);

/** Frames that the simulated inverter heard and that set something, without check value: its own log, in its order. */
const orders = () =>
  station.said.flatMap(({ message, frame }) => (message === "heard" && /^P/.test(frame) ? [/^P[A-Z]+[0-9.]*/.exec(frame)[0]] : []));

/** The station's words on their way to the page, as `change` makes them: signals one by one, also those of the snapshot. */
const overheard = (change) => async (page) => {
  const changed = (signal) => change(structuredClone(signal));
  await page.routeWebSocket(/\/ws/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((text) => server.send(text));
    server.onMessage((text) => {
      const frame = JSON.parse(text);
      if (frame.snapshot) frame.snapshot.signals = frame.snapshot.signals.flatMap((signal) => changed(signal) ?? []);
      if (frame.signal) frame.signal = changed(frame.signal);
      if (!("signal" in frame) || frame.signal) socket.send(JSON.stringify(frame));
    });
  });
};

/** Resolves once the dialog is gone and no command can still happen: whatever was to be sent has been. */
async function through(page) {
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await until("no open command", () => page.evaluate(async () => (await (await fetch("/api/v1/commands?state=open")).json()).items.length === 0));
}

const wattsOf = (text) => {
  const [, number, unit] = /([\u2212-]?[\d.]+)\s*(k?W)/.exec(text.replaceAll("\u202f", ""));
  return Number(number.replace("\u2212", "-")) * (unit === "kW" ? 1000 : 1);
};

for (const theme of THEMES) {
  test(`energy_flows_on_the_page_in_${theme}_as_the_station_tells_it`, async () => {
    for (const size of [PHONE, DESK]) {
      const { page, errors, close } = await open(browser, `${station.url}/power`, { theme, size });
      await settled(page);
      const flow = page.getByRole("region", { name: "Energy now" });
      const load = flow.locator("div").filter({ has: page.getByText("Load", { exact: true }) }).last();
      await until("the load in watts, as the inverter measures it", async () => {
        const { readings } = await station.get("/api/v1/power/inverter");
        const shown = await load.innerText();
        return /W/.test(shown) && Math.abs(wattsOf(shown) - readings.ac_output_active_power.value) < 1;
      });
      await flow.locator("[data-arm=load] .arrow").waitFor();
      // Whoever wants no motion has none; the arrow says the same.
      assert.equal(await flow.locator("[data-arm=load] .marks").evaluate((line) => getComputedStyle(line).animationName), "none");
      await flow.getByText(/(charging|discharging|resting)/).waitFor();
      await page.getByRole("region", { name: "Cells" }).getByText("apart", { exact: true }).first().waitFor();
      await page.getByRole("region", { name: "History" }).locator("canvas").first().waitFor();
      const label = `power-flow-${theme}-${size.width}`;
      await page.screenshot({ path: `${SCREENSHOTS}${label}.png`, fullPage: true });
      assert.deepEqual(await violations(page), [], label);
      assert.deepEqual(errors, [], label);
      await close();
    }
  });
}

test("flow_moves_without_a_frame_a_screen_where_motion_is_wanted", async () => {
  const { page, close } = await open(browser, `${station.url}/power`, { reducedMotion: "no-preference" });
  await settled(page);
  const marks = page.locator("[data-arm=load] .marks");
  await marks.waitFor();
  const { name, timing } = await marks.evaluate((line) => ({ name: getComputedStyle(line).animationName, timing: getComputedStyle(line).animationTimingFunction }));
  assert.match(name, /along/);
  assert.match(timing, /steps\(12/);
  await close();
});

test("device_that_says_nothing_is_told_in_words_and_its_values_show_their_age", async () => {
  const minute_ago = new Date(Date.now() - 60_000).toISOString();
  const silence = overheard((signal) => {
    if (signal.source === "power.charger" && signal.signal === "status") Object.assign(signal.data, { state: "offline", since: minute_ago, problem: "nothing has answered for 60 s" });
    if (signal.source === "power.charger" && signal.signal === "readings") for (const reading of Object.values(signal.data)) reading.at = minute_ago;
    if (signal.source === "power.battery-a" && signal.signal === "status") {
      signal.data.alarms = [{ kind: "cell_imbalance", reading: "cell_spread", text: "the cells differ", value: 0.34, limit: 0.3, since: minute_ago }];
    }
    if (signal.source === "power" && signal.signal === "system") Object.assign(signal.data, { solar_w: null, stale: ["charger"] });
    return signal;
  });
  const { page, close } = await open(browser, `${station.url}/power`, { theme: "dark", prepare: silence });
  await settled(page);
  await page.getByText(/Nothing comes from charger\./).waitFor();
  await page.getByRole("region", { name: "Energy now" }).getByText("charger says nothing").waitFor();
  const alarm = page.getByRole("list", { name: "Alarms" }).getByRole("listitem");
  await alarm.getByText("cells differ too much").waitFor();
  await alarm.getByText("0.340\u00a0V, the limit is 0.300\u00a0V").waitFor();
  const card = page.getByRole("region", { name: "Devices" }).getByRole("link").filter({ hasText: "charger" });
  await card.getByText("silent", { exact: true }).waitFor();
  await card.getByText("1\u00a0min ago").first().waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: `${SCREENSHOTS}power-fault-dark.png` });
  await card.click();
  await page.getByText(/charger says nothing, for/).waitFor();
  await page.getByText("The values below are the last ones.").waitFor();
  await page.goBack();
  await page.getByRole("region", { name: "Energy now" }).waitFor();
  await close();
});

test("service_that_knows_nothing_of_roles_history_and_settings_has_a_page_all_the_same", async () => {
  const before = overheard((signal) => {
    if (signal.source === "power") return undefined;
    if (signal.source.startsWith("power.")) {
      delete signal.data.class;
      if (signal.signal === "readings") for (const reading of Object.values(signal.data)) delete reading.role;
    }
    return signal;
  });
  const missing = async (page) => {
    await before(page);
    const problem = { type: "urn:stationd:problem:not-found", title: "There is no such thing", status: 404 };
    await page.route(/\/api\/v1\/power\/[^/]+\/(history|settings|energy)/, (route) => route.fulfill({ status: 404, contentType: "application/problem+json", body: JSON.stringify(problem) }));
  };
  const { page, errors, close } = await open(browser, `${station.url}/power`, { prepare: missing });
  await settled(page);
  await page.getByText(/All 4 devices answer|Nothing comes from/).waitFor();
  await page.getByRole("link", { name: /inverter/ }).click();
  await page.getByText("This station's service has no history of its devices").waitFor();
  await page.getByText("This station's service has no way to change settings").waitFor();
  await page.getByLabel("Filter the readings").fill("output voltage");
  await page.getByRole("cell", { name: /AC output voltage/ }).waitFor();
  assert.equal(await page.getByRole("row").count(), 2);
  assert.match(page.url(), /filter=output/);
  assert.deepEqual(errors, []);
  await close();
});

test("range_of_the_charts_is_in_the_address_and_drawn_out_by_a_drag", async () => {
  const { page, close } = await open(browser, `${station.url}/power/inverter?range=hour`);
  await settled(page);
  const history = page.getByRole("region", { name: "History" });
  assert.equal(await history.getByRole("button", { name: "1 h" }).getAttribute("aria-pressed"), "true");
  const plot = history.locator(".u-over").first();
  await plot.scrollIntoViewIfNeeded();
  // What the device says meanwhile does not draw the charts anew under one's finger.
  await until("some time before the range moves on with the next minute", () => Date.now() % 60_000 < 50_000);
  await settled(page);
  const chart = await plot.elementHandle();
  const at = () => page.evaluate(() => document.querySelector("main table time").dateTime);
  const before = await at();
  await until("two more words of the device", async () => Date.parse(await at()) - Date.parse(before) >= 2000);
  assert.ok(await chart.evaluate((node) => node.isConnected), "the chart is still the same one");
  const { x, y, width, height } = await plot.boundingBox();
  await page.mouse.move(x + width * 0.4, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.9, y + height / 2, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL(/since=.*until=/);
  await history.getByRole("button", { name: "7 days" }).click();
  await page.waitForURL(/range=week/);
  await close();
});

test("viewer_sees_settings_and_no_way_to_change_them", async () => {
  const { page, close } = await as("vic", "/power/inverter");
  const settings = page.getByRole("region", { name: "Settings", exact: true });
  await settings.getByText("It takes an operator to change a setting.").waitFor();
  await settings.getByText("Float voltage").waitFor();
  assert.equal(await settings.getByRole("button").count(), 0);
  await close();
});

test("setting_is_chosen_approved_by_a_second_person_written_read_back_and_undone", async () => {
  const ann = await as("ann", "/power/inverter");
  const bob = await as("bob", "/access");
  const settings = ann.page.getByRole("region", { name: "Settings", exact: true });
  const float = settings.getByRole("listitem").filter({ hasText: "Float voltage" });
  await float.getByText("54.0\u00a0V").or(float.getByText("54.0 V")).waitFor();
  assert.deepEqual(orders(), []);

  // What cannot be is said at once, and nobody is asked.
  await float.getByRole("button", { name: "Change" }).click();
  const dialog = ann.page.getByRole("dialog");
  const value = dialog.getByLabel(/New value, 48\.0 to 58\.4/);
  const press = dialog.getByRole("button", { name: "Ask for it" });
  await value.fill("70");
  await dialog.getByText(/From 48\.0 to 58\.4/).waitFor();
  await value.fill("54.4");
  await dialog.getByText(/from 54\.0 V to 54\.4 V/).waitFor();
  await dialog.getByText("Tier 3: it happens once an operator other than you has agreed.").waitFor();
  assert.deepEqual(await violations(ann.page), []);
  await dialog.getByLabel("Why").fill("the maker says so");
  await ann.page.screenshot({ path: `${SCREENSHOTS}power-setting-light.png` });
  await press.click();
  await settings.getByText(/Asked for: command \d+ waits/).waitFor();
  const changes = settings.getByRole("region", { name: "Changes" });
  await changes.getByText("Somebody else has to approve it: you asked for it.").waitFor();
  assert.deepEqual(orders(), [], "nothing is sent before somebody else agrees");

  const wish = bob.page.getByRole("listitem").filter({ hasText: "Set power.inverter" }).first();
  await wish.getByText("PBFT 54.4").waitFor();
  await wish.getByLabel("Reason").fill("I have seen the data sheet");
  await wish.getByRole("button", { name: "Approve" }).click();
  await changes.getByText(/Read back: 54\.4.V, it was 54(\.0)?.V\./).waitFor();
  await float.getByText(/54\.4.V/).waitFor();
  assert.deepEqual(orders(), ["PBFT54.4"]);
  await ann.page.screenshot({ path: `${SCREENSHOTS}power-setting-done-light.png` });

  await changes.getByRole("button", { name: /Undo: set power\.inverter PBFT 54\.0/ }).click();
  const undo = bob.page.getByRole("listitem").filter({ hasText: "PBFT 54.0" }).first();
  await undo.getByRole("button", { name: "Approve" }).click();
  await float.getByText(/54\.0.V/).waitFor();
  await until("the undo to be through", async () => (await changes.getByText(/Read back: 54(\.0)?.V, it was 54\.4.V\./).count()) === 1);
  await through(ann.page);
  assert.deepEqual(orders(), ["PBFT54.4", "PBFT54.0"], "exactly these frames, each once");
  assert.deepEqual(ann.errors, []);
  await ann.close();
  await bob.close();
});

test("setting_of_tier_2_is_confirmed_by_whoever_asks_and_reaches_the_line_once", async () => {
  const { page, close } = await as("ann", "/power/inverter", { size: PHONE, theme: "lcars" });
  const sent = orders().length;
  const settings = page.getByRole("region", { name: "Settings", exact: true });
  const priority = settings.getByRole("listitem").filter({ hasText: "Output priority" });
  await priority.getByRole("button", { name: "Change" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Solar first").check();
  await dialog.getByText("Tier 2: it happens once you confirm it here.").waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: `${SCREENSHOTS}power-setting-lcars-phone.png` });
  await dialog.getByRole("button", { name: "Confirm" }).click();
  await settings.getByText(/Read back: Solar first, it was SBU first\./).waitFor();
  await through(page);
  assert.deepEqual(orders().slice(sent), ["POP01"]);
  await close();
});
