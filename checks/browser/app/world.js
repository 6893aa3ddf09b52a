// What is asked of the servers themselves, past the app.

import { strict as assert } from "node:assert";
import { post } from "../place.js";

/** Waits until `holds` gives something true, and gives it back. */
export async function until(what, holds, withinMs = 10_000) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The status with which the gateway answers an access token. */
export async function atGateway(house, token) {
  const answer = await fetch(`${house.api}/tea`, { headers: { authorization: `Bearer ${token}` } });
  return answer.status;
}

/** Whether the provider takes these tokens. */
export async function lives(house, { access_token: token }) {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${house.proxy.target}/userinfo`, { headers })).ok;
}

/** The answer of the provider to a refresh with these tokens, asked past the proxy. */
export function refreshed(house, { refresh_token: token }) {
  const form = { grant_type: "refresh_token", client_id: house.clientId, refresh_token: token };
  return post(`${house.proxy.target}/token`, form);
}

/** Nothing of these tokens is good any more, at the provider and at the gateway. */
export async function areDead(house, tokens, reason) {
  await until("the provider has heard of it", async () => !(await lives(house, tokens)));
  const answer = await refreshed(house, tokens);
  assert.equal(answer.error, "invalid_grant");
  if (reason !== undefined) assert.equal(answer.reason, reason);
  await until("the gateway refuses the access token", async () => (await atGateway(house, tokens.access_token)) === 401);
}

/** How often the app has asked for new tokens by a refresh, since the proxy last forgot. */
export function refreshes(house) {
  const isRefresh = ({ path, form }) => path === "/token" && form.get("grant_type") === "refresh_token";
  return house.proxy.seen.filter(isRefresh);
}
