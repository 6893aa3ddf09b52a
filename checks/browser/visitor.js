// Somebody in front of a browser of their own: what they press, and whether each page that they
// are shown is fit for them.

import { barriersOn, complaintsOf, contextFor } from "./browser.js";

const PATIENCE_MS = 20_000;

export class Visitor {
  #complaints;
  #findings = [];
  #copies;
  #pictures = 0;

  static async open(browser, view, options) {
    const visitor = new Visitor();
    const { pictures, ...further } = options;
    visitor.view = view;
    visitor.prefix = pictures;
    visitor.context = await contextFor(browser, view, further);
    visitor.context.setDefaultTimeout(PATIENCE_MS);
    visitor.page = await visitor.context.newPage();
    visitor.#complaints = complaintsOf(visitor.page);
    if (further.javaScriptEnabled === false) visitor.#copies = await contextFor(browser, view);
    return visitor;
  }

  async close() {
    await this.context.close();
    await this.#copies?.close();
  }

  async go(address) {
    await this.page.goto(address);
  }

  find(selector) {
    return this.page.locator(selector);
  }

  // Presses what leads to another page, and waits for it.
  async press(what) {
    const target = typeof what === "string" ? this.find(what).first() : what;
    await Promise.all([this.page.waitForEvent("load"), target.click()]);
  }

  async fill(fields) {
    for (const [name, text] of Object.entries(fields)) {
      await this.find(`main input[name=${name}]:not([type=hidden])`).fill(text);
    }
  }

  // Fills in the form with these fields, and sends it.
  async send(fields) {
    await this.fill(fields);
    const last = Object.keys(fields).at(-1);
    await this.press(`form:has(input[name=${last}]:not([type=hidden])) button[type=submit]`);
  }

  // Goes on by the Tab key until it is there; whatever has the focus on the way must show it.
  async tabTo(selector) {
    for (let steps = 0; steps < 40; steps += 1) {
      const focus = await this.page.evaluate((wanted) => {
        const element = document.activeElement;
        const { outlineStyle, outlineWidth } = getComputedStyle(element);
        const seen = outlineStyle !== "none" && outlineWidth !== "0px";
        return { there: element.matches(wanted), seen: seen || element === document.body };
      }, selector);
      if (!focus.seen) this.#findings.push(`the focus cannot be seen on the way to ${selector}`);
      if (focus.there) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`the Tab key does not come to ${selector}`);
  }

  // As `press`, by the Enter key on whatever has the focus.
  async enter() {
    await Promise.all([this.page.waitForEvent("load"), this.page.keyboard.press("Enter")]);
  }

  // Sees to it that this page is shown, takes its picture, and notes what is wrong with it.
  async sees(name, selector) {
    await this.find(selector).first().waitFor({ state: "visible" });
    this.#pictures += 1;
    const number = String(this.#pictures).padStart(2, "0");
    await this.page.screenshot({ path: `${this.prefix}${number}-${name}.png`, fullPage: true });
    const language = await this.find("html").getAttribute("lang");
    if (!language.startsWith(this.view.language.slice(0, 2))) {
      this.#findings.push(`${name} is in ${language}`);
    }
    this.#findings.push(...(await this.#barriers()).map((text) => `${name}: ${text}`));
  }

  // What looks for barriers is a script. Where none run, it gets a copy of the page.
  async #barriers() {
    if (this.#copies === undefined) return barriersOn(this.page);
    const [address, body] = [this.page.url(), await this.page.content()];
    const copy = await this.#copies.newPage();
    await copy.route(address, (route) => route.fulfill({ contentType: "text/html", body }));
    await copy.goto(address);
    const barriers = await barriersOn(copy);
    await copy.close();
    return barriers;
  }

  // What was found since this was asked the last time. That a page is an error is no finding.
  findings() {
    const refused = /^Failed to load resource: the server responded with a status of 4\d\d/;
    const complaints = this.#complaints.splice(0).filter((text) => !refused.test(text));
    return [...this.#findings.splice(0), ...complaints];
  }
}
