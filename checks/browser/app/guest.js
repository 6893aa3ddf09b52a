// Somebody with the app on a device of their own: a browser with its storage, in which the app is
// opened, closed, killed and cut off.

import { complaintsOf, contextFor } from "../browser.js";
import { PASSWORD } from "./house.js";

const PATIENCE_MS = 15_000;
const PHONE = { language: "en", scheme: "light", width: 375 };

// The clock of the app, which a test moves; and no animation is waited for.
const CLOCK = `{
  const real = Date.now.bind(Date);
  Date.now = () => real() + (globalThis.ahead ?? 0);
}`;

export class Guest {
  /** What went over the wire to the provider's token endpoint, with the answers. */
  tokens = [];
  complaints = [];

  static async open(browser, house, view = PHONE, options = {}) {
    const context = await contextFor(browser, { ...PHONE, ...view });
    return Guest.with(context, house, options);
  }

  /** In this browser; `clientId` is the app's name at the provider, if not the usual one. */
  static async with(context, house, { clientId = "tea-house" } = {}) {
    const guest = Object.assign(new Guest(), { context, house, clientId });
    context.setDefaultTimeout(PATIENCE_MS);
    await context.addInitScript(CLOCK);
    guest.page = await guest.newTab();
    return guest;
  }

  /** The app in another tab of the same browser, with its clock so many milliseconds ahead. */
  async newTab(ahead = 0) {
    const { issuer, api } = this.house;
    this.house.page.settings = { issuer, api, clientId: this.clientId };
    const page = await this.context.newPage();
    await page.addInitScript(`globalThis.ahead = ${ahead}`);
    const complaints = complaintsOf(page);
    this.complaints.push(complaints);
    page.on("response", async (response) => {
      if (!response.url().endsWith("/token")) return;
      const body = await response.json().catch(() => undefined);
      if (body?.access_token) this.tokens.push(body);
    });
    await page.goto(this.house.page.url);
    return page;
  }

  see(id, page = this.page) {
    return page.getByTestId(id).first();
  }

  async sees(id, page = this.page) {
    await this.see(id, page).waitFor({ state: "visible" });
  }

  async press(id, page = this.page) {
    await this.see(id, page).click();
  }

  async text(id, page = this.page) {
    return this.see(id, page).innerText();
  }

  /** On the app's own screen; then at home, with a cup of tea. */
  async signIn(name, page = this.page) {
    await this.see("username", page).fill(name);
    await this.see("password", page).fill(PASSWORD);
    await this.press("sign-in-here", page);
    await this.sees("tea-name", page);
  }

  async signOut(page = this.page) {
    await this.press("tab-account", page);
    await this.press("sign-out", page);
    await this.sees("sign-in", page);
  }

  /** No network. The app itself is on the device, as on a phone. */
  async offline() {
    await this.context.route(`${this.house.page.url}/**`, async (route) => {
      const answer = await fetch(route.request().url());
      const headers = Object.fromEntries(answer.headers);
      await route.fulfill({ status: answer.status, headers, body: Buffer.from(await answer.arrayBuffer()) });
    });
    await this.context.setOffline(true);
  }

  online() {
    return this.context.setOffline(false);
  }

  /** The page is gone in the middle of whatever it does. */
  async crash() {
    const gone = this.page.waitForEvent("crash");
    const devtools = await this.context.newCDPSession(this.page);
    devtools.send("Page.crash").catch(() => undefined);
    await gone;
  }

  /** The tab stops, as the browser stops tabs in the background, and never goes on. */
  async freeze(page) {
    const devtools = await this.context.newCDPSession(page);
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  }

  /** The tokens that the provider gave last. */
  get held() {
    return this.tokens.at(-1);
  }

  /** Everything that the app keeps in this browser, as one text. */
  async kept(page = this.page) {
    return page.evaluate(async () => {
      const found = { local: { ...localStorage }, session: { ...sessionStorage } };
      for (const { name } of await indexedDB.databases()) {
        const db = await new Promise((resolve, reject) => {
          const request = indexedDB.open(name);
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
        for (const store of db.objectStoreNames) {
          const all = db.transaction(store).objectStore(store).getAll();
          found[`${name}/${store}`] = await new Promise((resolve) => {
            all.onsuccess = () => resolve(all.result);
          });
        }
        db.close();
      }
      return JSON.stringify(found);
    });
  }

  /** The app's clock goes ahead by so many milliseconds; nobody waits for it. */
  later(ms, page = this.page) {
    return page.evaluate((by) => {
      globalThis.ahead = (globalThis.ahead ?? 0) + by;
    }, ms);
  }

  async close() {
    await this.context.close();
  }
}
