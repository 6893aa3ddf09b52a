// Debian's Chromium, and what every check does with a page.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Whether a page that a check made up may reach this machine: it comes from nowhere.
  "--disable-features=LocalNetworkAccessChecks",
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

// Goes through the page by the Tab key: whatever has the focus must show it, in the order in
// which it is read.
export async function unseenFocusOn(page) {
  const unseen = [];
  await page.evaluate(() => document.activeElement?.blur());
  for (let steps = 0; steps < 40; steps += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === null || element === document.body) return undefined;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      const seen = outlineStyle !== "none" && outlineWidth !== "0px" && box.width * box.height > 0;
      return { seen, what: element.outerHTML.slice(0, 80) };
    });
    if (focused === undefined) break;
    if (!focused.seen) unseen.push(`the focus cannot be seen on ${focused.what}`);
  }
  return unseen;
}
