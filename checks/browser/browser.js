// Debian's Chromium, and what every check does with a page.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const LANGUAGES = ["en", "zh-CN"];
export const SCHEMES = ["light", "dark"];
export const WIDTHS = [375, 1280];

export function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: FLAGS });
}

// Every way in which people look at a page: language, scheme, width.
export function looks() {
  const widths = (language, scheme) => WIDTHS.map((width) => ({ language, scheme, width }));
  return LANGUAGES.flatMap((language) => SCHEMES.flatMap((scheme) => widths(language, scheme)));
}

export function contextFor(browser, { language, scheme, width }, options = {}) {
  return browser.newContext({
    locale: language,
    colorScheme: scheme,
    viewport: { width, height: width < 600 ? 760 : 860 },
    reducedMotion: "reduce",
    ...options,
  });
}

// What the browser itself finds wrong with a page: errors, and what the policy stopped.
export function complaintsOf(page) {
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return complaints;
}

// What would keep somebody from using the page: serious findings of axe, and text that runs out
// of the window.
export async function barriersOn(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const barriers = serious.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target}: ${failureSummary}`),
  );
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (overflow > 0) barriers.push(`the page is ${overflow} pixels too wide`);
  return barriers;
}
