// npm `oidc-client-ts` in a real browser: a single-page app signs in, renews its tokens without
// anybody noticing, and signs out.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { chromium } from "playwright-core";
import { ISSUER, PASSWORD, USERNAME, addClient, isRefused, story } from "./place.js";

const FILES = {
  "/": ["text/html", new URL("single_page_app.html", import.meta.url)],
  "/oidc-client-ts.js": [
    "text/javascript",
    new URL("node_modules/oidc-client-ts/dist/esm/oidc-client-ts.js", import.meta.url),
  ],
  "/jwt-decode": [
    "text/javascript",
    new URL("node_modules/jwt-decode/build/esm/index.js", import.meta.url),
  ],
};

const site = createServer((request, response) => {
  const [type, file] = FILES[new URL(request.url, "http://app").pathname] ?? [];
  if (file === undefined) return response.writeHead(404).end();
  return response.writeHead(200, { "content-type": type }).end(readFileSync(file));
});
site.listen(0, "127.0.0.1");
await once(site, "listening");
const app = `http://127.0.0.1:${site.address().port}/`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});

await story("oidc-client-ts in Chromium, a single-page app", async (kept) => {
  addClient(
    "oidc-client-ts",
    ...["--public", "--redirect-uri", app, "--post-logout-redirect-uri", app],
    ...["--scope", "openid profile email"],
  );
  // The certificate of this run is unknown to Chromium.
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  const user = () => page.evaluate(() => globalThis.manager.getUser());

  await page.goto(`${app}?issuer=${encodeURIComponent(ISSUER)}`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Username or e-mail").fill(USERNAME);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Allow" }).click();
  await page.getByText("Hello, Ada Lovelace").waitFor();
  const before = await user();
  assert.equal(before.profile.email, "ada@example.com");
  kept("signs in on our pages, and asks who that is");

  await page.getByRole("button", { name: "Renew" }).click();
  await page.getByText("Renewed").waitFor();
  const renewed = await user();
  assert.notEqual(renewed.access_token, before.access_token);
  assert.notEqual(renewed.refresh_token, before.refresh_token);
  kept("renews its tokens by its refresh token");

  await page.reload();
  await page.getByText("Hello, Ada Lovelace").waitFor();
  kept("is still signed in after a reload");

  const cookies = await context.cookies(ISSUER);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("Nobody is signed in").waitFor();
  assert.equal(page.url().split("?")[0], app);
  kept("signs out, and the browser comes back to it");

  await isRefused(refresh(renewed.refresh_token), "invalid_grant");
  const userinfo = await fetch(`${ISSUER}/userinfo`, {
    headers: { authorization: `Bearer ${renewed.access_token}` },
  });
  assert.equal(userinfo.status, 401);
  kept("and its tokens are worthless");

  await context.addCookies(cookies);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Password").waitFor();
  kept("and so are the cookies that the browser had");

  assert.deepEqual(complaints, []);
  kept("and the browser complained of nothing");
});

await browser.close();
site.close();
site.closeAllConnections();

async function refresh(token) {
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: token,
    client_id: "oidc-client-ts",
  });
  const response = await fetch(`${ISSUER}/token`, { method: "POST", body });
  const answer = await response.json();
  if (!response.ok) throw answer;
  return answer;
}
