// Opens every page of the gallery in every language, scheme and width; takes a picture of each,
// and fails when one is not fit for everybody. Arguments choose pages by the ends of their names.

import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { barriersOn, complaintsOf, contextFor, launch, looks, unseenFocusOn } from "./browser.js";

const root = new URL("../../", import.meta.url).pathname;
const pictures = `${root}target/browser`;

// Every language, scheme and width once, where somebody waits for the answer.
const brief = ({ language, scheme, width }) =>
  (language === "en") === (scheme === "light") && (language === "en") === (width > 600);
const views = process.env.CI === "true" ? looks().filter(brief) : looks();

function serveGallery() {
  const target = process.env.CARGO_TARGET_DIR ?? `${root}target`;
  const server = spawn(`${target}/debug/examples/gallery`, { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`the gallery ended with ${code}`)));
    const lines = createInterface({ input: server.stdout });
    lines.once("line", (address) => resolve({ address, stop: () => server.kill() }));
  });
}

// The apps in the samples are not there; a page that leads to them stays where it is.
function answerForApps(context) {
  const elsewhere = (url) => !url.href.startsWith("http://127.0.0.1");
  return context.route(elsewhere, (route) => route.fulfill({ status: 204 }));
}

// A form that sends itself does so before the page counts as loaded.
async function open(page, url) {
  await page.goto(url, { waitUntil: url.endsWith("/form-post") ? "commit" : "load" });
  await page.locator("h1").waitFor();
}

async function look(browser, address, names, view) {
  const failures = [];
  const context = await contextFor(browser, view);
  await answerForApps(context);
  const page = await context.newPage();
  const complaints = complaintsOf(page);
  const label = `${view.language}-${view.scheme}-${view.width}`;
  for (const name of names) {
    await open(page, `${address}/${name}`);
    await page.screenshot({ path: `${pictures}/${name.replace("/", ".")}.${label}.png`, fullPage: true });
    const found = [...complaints.splice(0), ...(await barriersOn(page))];
    failures.push(...found.map((text) => `${name} ${label}: ${text}`));
  }
  await context.close();
  return failures;
}

// A page must not know whether scripts run: what can be seen and pressed is the same. On the way,
// the keyboard goes through it.
async function compareWithoutScripts(browser, address, names) {
  const [seen, failures] = [[], []];
  for (const javaScriptEnabled of [true, false]) {
    const context = await contextFor(browser, looks()[0], { javaScriptEnabled });
    await answerForApps(context);
    const page = await context.newPage();
    const texts = new Map();
    for (const name of names) {
      await open(page, `${address}/${name}`);
      texts.set(name, await page.locator("body").ariaSnapshot());
      if (!javaScriptEnabled || name === "gallery/form-post") continue;
      const unseen = await unseenFocusOn(page);
      failures.push(...unseen.map((text) => `${name}: ${text}`));
    }
    seen.push(texts);
    await context.close();
  }
  const [withScripts, without] = seen;
  const differs = (name) => name !== "gallery/form-post" && withScripts.get(name) !== without.get(name);
  const different = names.filter(differs);
  return [...failures, ...different.map((name) => `${name} is another page without scripts`)];
}

async function namesIn(browser, address) {
  const page = await browser.newPage();
  await page.goto(address);
  const names = await page.locator("a").allTextContents();
  await page.close();
  const wanted = process.argv.slice(2);
  return wanted.length === 0 ? names : names.filter((name) => wanted.some((part) => name.endsWith(part)));
}

await mkdir(pictures, { recursive: true });
const gallery = await serveGallery();
const browser = await launch();
try {
  const names = await namesIn(browser, gallery.address);
  const failures = [];
  for (const view of views) {
    failures.push(...(await look(browser, gallery.address, names, view)));
  }
  failures.push(...(await compareWithoutScripts(browser, gallery.address, names)));
  for (const failure of failures) console.error(failure);
  console.log(`${names.length} pages looked at in ${views.length} ways: pictures in ${pictures}`);
  if (names.length === 0 || failures.length > 0) process.exitCode = 1;
} finally {
  await browser.close();
  gallery.stop();
}
