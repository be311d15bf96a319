// The browser of the tests: Debian's Chromium, driven by playwright-core, which is installed with the page's own packages.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const THEMES = ["light", "dark", "lcars"];
export const SIZES = [
  { width: 390, height: 844 },
  { width: 820, height: 1180 },
  { width: 1440, height: 900 },
];

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium" });

/** A tab of its own, with a theme chosen as a person would have chosen it. Whatever fails on the page is in `errors`. */
export async function open(browser, url, { theme = "light", size = SIZES[2], ...options } = {}) {
  const context = await browser.newContext({ viewport: size, hasTouch: size.width < 1000, ...options });
  await context.addInitScript((theme) => localStorage.setItem("stationd.theme", theme), theme);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.goto(url);
  return { page, errors, close: () => context.close() };
}

/** What breaks level A or AA of the guidelines, in words. */
export async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`));
}
