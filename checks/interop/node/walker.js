// A browser without scripts: it keeps the cookies of the provider, fills in the forms of its
// pages, and follows redirects until one leads to the client.

import assert from "node:assert/strict";
import { ISSUER, PASSWORD, USERNAME } from "./place.js";

export class Walker {
  #cookies = new Map();

  // The same browser as it is now, to look later whether its cookies are still worth something.
  clone() {
    const copy = new Walker();
    copy.#cookies = new Map(this.#cookies);
    return copy;
  }

  // Goes to the provider, signs in and agrees where it is asked to, and returns the address of
  // the client that it is sent to in the end.
  async signIn(url) {
    const page = await this.#walk(url);
    assert.ok(page instanceof URL, `no way back to the client from ${page.html}`);
    return page;
  }

  // Lets a device in that shows a code.
  async allowDevice(url) {
    const page = await this.#walk(url);
    assert.equal(page.forms.length, 0, page.html);
  }

  // Goes to the provider to sign out, confirms where it is asked to, and returns where that ends:
  // the address of the client, or the last page.
  async signOut(url) {
    const page = await this.open(url);
    if (!(page instanceof Page && page.has("decision"))) return page;
    return this.submit(page, { decision: "sign_out" });
  }

  // Opens an address: the page that is shown there, or the address of a client.
  async open(url) {
    return this.#request(new URL(url), { method: "GET" });
  }

  // Sends a form of a page with some fields filled in.
  async submit(page, fields) {
    const wanted = Object.keys(fields);
    const form = page.forms.find(({ names }) => wanted.every((name) => names.has(name)));
    assert.ok(form, `no form with ${wanted} in ${page.html}`);
    const body = new URLSearchParams({ ...Object.fromEntries(form.names), ...fields });
    return this.#request(new URL(form.action, page.url), { method: "POST", body });
  }

  // Answers what the pages ask, until nothing is asked any more.
  async #walk(url) {
    let page = await this.open(url);
    for (let steps = 0; steps < 6 && page instanceof Page; steps += 1) {
      if (page.has("password")) {
        page = await this.submit(page, { username: USERNAME, password: PASSWORD });
      } else if (page.has("decision")) {
        page = await this.submit(page, { decision: "allow" });
      } else if (page.has("user_code")) {
        page = await this.submit(page, {});
      } else break;
    }
    return page;
  }

  async #request(url, options) {
    if (url.origin !== ISSUER) return url;
    const cookie = [...this.#cookies].map((pair) => pair.join("=")).join("; ");
    const headers = { cookie, "sec-fetch-site": "same-origin", accept: "text/html" };
    const response = await fetch(url, { ...options, headers, redirect: "manual" });
    this.#keep(response.headers.getSetCookie());
    const location = response.headers.get("location");
    if (location !== null) return this.#request(new URL(location, url), { method: "GET" });
    return new Page(url, response.status, await response.text());
  }

  #keep(lines) {
    for (const line of lines) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/max-age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}

// A page of the provider.
export class Page {
  constructor(url, status, html) {
    Object.assign(this, { url, status, html });
    this.forms = [...html.matchAll(/(<form [^>]*>)(.*?)<\/form>/gs)].map(([, form, inside]) => ({
      action: attribute(form, "action"),
      names: namesIn(inside),
    }));
  }

  has(name) {
    return this.forms.some(({ names }) => names.has(name));
  }
}

function namesIn(html) {
  const tags = [...html.matchAll(/<(?:input|button) [^>]*name="[^>]*>/g)].map(([tag]) => tag);
  return new Map(tags.map((tag) => [attribute(tag, "name"), attribute(tag, "value")]));
}

function attribute(tag, name) {
  return unescape(tag.match(new RegExp(` ${name}="([^"]*)"`))?.[1] ?? "");
}

function unescape(text) {
  const named = { quot: '"', amp: "&", lt: "<", gt: ">" };
  return text.replace(/&(?:#(\d+)|(\w+));/g, (_, number, name) =>
    number ? String.fromCodePoint(Number(number)) : named[name],
  );
}
