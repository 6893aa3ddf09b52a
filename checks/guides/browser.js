// The browser in front of which the reader of a guide sits, as a small HTTP server:
//
//   POST /open    an address    opens it; signs in, allows and confirms where a page of Menshen asks
//   POST /press   a label       presses what has this label
//   POST /reload                loads it again
//   GET  /                      where it is, and what is to be read there
//
// Its port is the first line that it prints. `ISSUER` says which pages are Menshen's; `USERNAME`
// and `PASSWORD` are who sits there.

import { createServer } from "node:http";
import { chromium } from "playwright-core";

const { ISSUER, USERNAME, PASSWORD } = process.env;
const DEADLINE_MS = 30_000;
const MOST_FORMS = 8;

// Chromium starts when it is needed: some pages need none.
let browser;
let page;
// An address of a scheme of an app's own is handed to the app, and the page stays.
let handedOver;

async function start() {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
    handleSIGTERM: false,
  });
  const context = await browser.newContext({ locale: "en" });
  context.setDefaultTimeout(DEADLINE_MS);
  page = await context.newPage();
  page.on("response", (response) => {
    const address = response.headers().location;
    if (address !== undefined && /^[a-z][a-z0-9+-]*\.[a-z0-9.+-]*:/i.test(address)) {
      handedOver = address;
    }
  });
  page.on("pageerror", (error) => console.error(`in the page: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error") console.error(`in the page: ${message.text()}`);
  });
}

// What somebody who wants to get on does with the page shown; undefined when there is nothing.
async function nextStep() {
  if (handedOver !== undefined || !page.url().startsWith(`${ISSUER}/`)) return undefined;
  const password = page.locator("input[type=password]");
  if ((await password.count()) > 0) {
    const username = page.locator("input[name=username]");
    if (await username.count()) await username.fill(USERNAME);
    await password.fill(PASSWORD);
    return page.locator("form:has(input[type=password]) button[type=submit]");
  }
  for (const button of [
    "button[value=allow]",
    "button[value=sign_out]",
    "form:has(input[name=user_code]) button[type=submit]",
  ]) {
    if ((await page.locator(button).count()) > 0) return page.locator(button).first();
  }
  return undefined;
}

async function goOn() {
  for (let forms = 0; forms < MOST_FORMS; forms += 1) {
    await page.waitForLoadState();
    const button = await nextStep();
    if (button === undefined) return;
    // A navigation to an app's own scheme never arrives.
    const left = page.waitForEvent("framenavigated").catch(() => {});
    await button.click({ noWaitAfter: true });
    await Promise.race([left, handedOverSoon()]);
  }
}

async function handedOverSoon() {
  const deadline = Date.now() + DEADLINE_MS;
  while (handedOver === undefined && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function open(address) {
  handedOver = undefined;
  try {
    await page.goto(address);
  } catch (error) {
    if (handedOver === undefined) throw error;
  }
  await goOn();
}

async function shown() {
  const text = await page.locator("body").innerText();
  return `${handedOver ?? page.url()}\n${text}\n`;
}

const verbs = {
  "/": async () => {},
  "/open": open,
  "/reload": () => page.reload(),
  "/press": async (label) => {
    handedOver = undefined;
    await page.getByText(label, { exact: true }).first().click();
    await goOn();
  },
};

const server = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  try {
    if (page === undefined) await start();
    await verbs[request.url](body.trim());
    response.end(await shown());
  } catch (error) {
    response.statusCode = 500;
    response.end(`${error}\n`);
  }
});
process.on("SIGTERM", async () => {
  await browser?.close();
  process.exit();
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
