// The browser of the tests: Debian's Chromium, driven by playwright-core, which is installed with the page's own packages.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

import { PASSWORD } from "./station.mjs";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Where a person can look at what the tests saw. */
export const SCREENSHOTS = fileURLToPath(new URL("../../target/screenshots/", import.meta.url));
mkdirSync(SCREENSHOTS, { recursive: true });

export const THEMES = ["light", "dark", "lcars"];
export const PHONE = { width: 390, height: 844 };
export const TABLET = { width: 820, height: 1180 };
export const DESK = { width: 1440, height: 900 };

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" });

/**
 * A tab of its own, with a theme chosen as a person would have chosen it. Scripts that fail are in `errors`, hosts that are
 * not the station's in `strangers`. `prepare` sees the tab before it goes anywhere.
 */
export async function open(browser, url, { theme = "light", size = DESK, prepare, ...options } = {}) {
  const context = await browser.newContext({ viewport: size, hasTouch: size.width < 1000, reducedMotion: "reduce", ...options });
  await context.addInitScript((theme) => localStorage.setItem("stationd.theme", theme), theme);
  const page = await context.newPage();
  const errors = [];
  const strangers = [];
  const own = new URL(url).host;
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    // What a service does not have yet is answered with 404, which the browser thinks worth an error.
    if (message.type() === "error" && !message.text().includes("404")) errors.push(message.text());
  });
  page.on("request", (request) => {
    const { host, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && host !== own) strangers.push(request.url());
  });
  await prepare?.(page);
  await page.goto(url);
  return { page, errors, strangers, close: () => context.close() };
}

/** Resolves once the page has heard from the station and shows what it asked for. */
export async function settled(page) {
  await page.getByText("live", { exact: true }).waitFor();
  await page.locator("main h1").waitFor();
  await page.waitForFunction(() => !document.querySelector("[aria-label=Loading]"));
  await page.evaluate(() => document.fonts.ready);
}

/** Fills in the form that the page shows. */
export async function signIn(page, name, password = PASSWORD) {
  const form = page.getByRole("form", { name: "Sign in" });
  await form.getByLabel("Name").fill(name);
  await form.getByLabel("Password").fill(password);
  await form.getByRole("button", { name: "Sign in", exact: true }).click();
}

/** A tab of its own in which somebody is signed in, at a path. */
export async function enter(browser, url, name, path = "/", options = {}) {
  const tab = await open(browser, `${url}/access`, options);
  await signIn(tab.page, name);
  await tab.page.getByRole("button", { name: `${name}: menu` }).waitFor();
  await tab.page.goto(url + path);
  await settled(tab.page);
  return tab;
}

/** What breaks level A or AA of the guidelines, in words. */
export async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`));
}
