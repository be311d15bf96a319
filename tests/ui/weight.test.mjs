// The page is light: it is there at once on a poor phone, asks nobody but its station, and does not jump about.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { PHONE, launch, open, settled } from "./browser.mjs";
import { demo } from "./station.mjs";

/** What the first page may weigh as it goes over the line, in bytes. */
const BUDGET_BYTES = 250_000;

/** When the first content has to be there, in milliseconds. */
const FIRST_CONTENT_MS = 1000;

/** A poor phone in a village: as the tool of the browser's maker has it for "slow 4G", half as slow a processor. */
const LINE = { offline: false, latency: 150, downloadThroughput: (1.6 * 1024 * 1024) / 8, uploadThroughput: (750 * 1024) / 8 };
const SLOWER = 2;

/** What counts as good, as a share of the screen that moved. */
const SHIFT = 0.1;

let station;
let browser;
before(async () => {
  [station, browser] = await Promise.all([demo(), launch()]);
});
after(async () => {
  await browser?.close();
  await station?.stop();
});

test("first_page_weighs_less_than_its_budget_and_asks_no_stranger", async () => {
  let bytes = 0;
  const weigh = async (page) => {
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  };
  const { page, errors, strangers, close } = await open(browser, station.url, { prepare: weigh });
  await settled(page);
  assert.ok(bytes > 20_000 && bytes < BUDGET_BYTES, `${bytes} bytes`);
  assert.deepEqual(strangers, []);
  assert.deepEqual(errors, []);
  await close();
});

test("first_content_is_there_within_a_second_on_a_poor_phone_and_stays_where_it_is", async () => {
  const slow = async (page) => {
    const session = await page.context().newCDPSession(page);
    await session.send("Network.enable");
    await session.send("Network.emulateNetworkConditions", LINE);
    await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
    await page.addInitScript(() => {
      globalThis.shift = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shift += entry.value;
      }).observe({ type: "layout-shift", buffered: true });
    });
  };
  const { page, close } = await open(browser, station.url, { size: PHONE, prepare: slow });
  await settled(page);
  const seen = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  const shift = await page.evaluate(() => globalThis.shift);
  console.log(`first content after ${Math.round(seen)} ms, ${shift.toFixed(3)} of the screen moved`);
  assert.ok(seen < FIRST_CONTENT_MS, `first content after ${seen} ms`);
  assert.ok(shift < SHIFT, `${shift} of the screen moved`);
  await close();
});

test("names_of_files_change_with_their_contents_and_the_document_is_asked_for_anew", async () => {
  const document = await fetch(station.url);
  assert.equal(document.headers.get("cache-control"), "no-cache");
  const [, script] = /src="(\/assets\/[^"]+)"/.exec(await document.text());
  const file = await fetch(station.url + script, { headers: { "Accept-Encoding": "br" } });
  assert.match(file.headers.get("cache-control"), /immutable/);
  assert.equal(file.headers.get("content-encoding"), "br");
  assert.equal((await fetch(`${station.url}/assets/of-yesterday.js`)).status, 404);
});
