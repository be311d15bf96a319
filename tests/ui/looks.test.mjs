// Every page in every theme and size: kept as a picture for people, and judged by axe for those who do not see it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { DESK, PHONE, SCREENSHOTS, TABLET, THEMES, launch, open, settled, violations } from "./browser.mjs";
import { demo, until } from "./station.mjs";

const PAGES = {
  overview: "/",
  repeater: "/repeater",
  power: "/power",
  battery: "/power/battery-a",
  inverter: "/power/inverter",
  actors: "/actors/repeater/parser",
  journal: "/journal",
  event: "/journal/1",
  access: "/access",
};

let station;
let browser;
before(async () => {
  [station, browser] = await Promise.all([demo(), launch()]);
  await until("calls to look at", async () => (await station.get("/api/v1/repeater/calls?limit=6")).items.length >= 6, 90_000);
});
after(async () => {
  await browser?.close();
  await station?.stop();
});

for (const theme of THEMES) {
  for (const [name, path] of Object.entries(PAGES)) {
    test(`page_${name}_in_${theme}_is_whole_at_every_size_and_axe_finds_nothing`, async () => {
      for (const size of [PHONE, TABLET, DESK]) {
        const { page, errors, close } = await open(browser, station.url + path, { theme, size });
        await settled(page);
        const label = `${name}-${theme}-${size.width}x${size.height}`;
        await page.screenshot({ path: `${SCREENSHOTS}${label}.png` });
        if (size !== TABLET) assert.deepEqual(await violations(page), [], label);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${label} is ${wide} px wider than the screen`);
        assert.deepEqual(errors, [], label);
        await close();
      }
    });
  }
}
