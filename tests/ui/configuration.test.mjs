// The configuration of a real station, changed from the page and taken back.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { SCREENSHOTS, launch, open, settled, violations } from "./browser.mjs";
import { run } from "./station.mjs";

let station;
let browser;
before(async () => {
  [station, browser] = await Promise.all([run({ toml: "[station]\ntrial_s = 1\n" }), launch()]);
});
after(async () => {
  await browser?.close();
  await station?.stop();
});

test("admin_checks_applies_and_takes_back_a_configuration_from_the_page", async () => {
  const { page, errors, close } = await open(browser, `${station.url}/access/configuration`);
  await settled(page);
  const part = page.getByRole("region", { name: "Another configuration" });
  const before = readFileSync(station.config, "utf8");

  await part.getByLabel("Its text").fill(`${before}[gate]\napproval_minutes = 0\n`);
  await part.getByRole("button", { name: "Check" }).click();
  await part.getByText(/line \d+: gate.approval_minutes: must be/).waitFor();
  assert.equal(await part.getByRole("button", { name: "Put it in force" }).count(), 0);

  const wanted = `${before}[gate]\napproval_minutes = 5\n`;
  await part.getByLabel("Its text").fill(wanted);
  await part.getByRole("button", { name: "Check" }).click();
  await part.getByText("gate.approval_minutes").waitFor();
  await part.getByLabel("Why").fill("people answer at once");
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: `${SCREENSHOTS}new-configuration-light.png`, fullPage: true });
  await part.getByRole("button", { name: "Put it in force" }).click();
  const command = page.getByRole("region", { name: "Your command" });
  await command.getByRole("button", { name: "Approve" }).click();
  await command.getByText("done", { exact: true }).waitFor();
  assert.equal(readFileSync(station.config, "utf8"), wanted);

  const versions = page.getByRole("region", { name: "Versions" });
  await versions.getByText("people answer at once").waitFor();
  await page.getByText(/is on trial/).waitFor({ state: "detached" });
  await versions.getByRole("button", { name: "Go back" }).first().click();
  await page.getByRole("dialog").getByLabel("Why").fill("they do not");
  await page.getByRole("dialog").getByRole("button", { name: /Go back to version/ }).click();
  await page.screenshot({ path: `${SCREENSHOTS}configuration-back-light.png`, fullPage: true });
  await command.getByRole("button", { name: "Approve" }).click();
  await command.getByText("done", { exact: true }).waitFor();
  assert.equal(readFileSync(station.config, "utf8"), before);
  assert.deepEqual(errors, []);
  await close();
});
