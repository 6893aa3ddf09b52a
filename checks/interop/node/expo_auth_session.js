// npm `expo-auth-session`: an app on a phone signs in through the phone's browser. Its own code
// runs here; what the phone provides is phone.js.

import assert from "node:assert/strict";
import { register } from "node:module";
import { ISSUER, addClient, isRefused, story } from "./place.js";

register("./phone_hooks.js", import.meta.url);
const { AuthRequest } = await import("expo-auth-session/build/AuthRequest.js");
const { fetchDiscoveryAsync } = await import("expo-auth-session/build/Discovery.js");
const { exchangeCodeAsync, fetchUserInfoAsync, refreshAsync, revokeAsync } = await import(
  "expo-auth-session/build/TokenRequest.js"
);
const { browser } = await import("./phone.js");

const clientId = "expo-auth-session";
const redirectUri = "com.example.phone:/callback";
const goodbye = "com.example.phone:/goodbye";

await story("expo-auth-session, an app on a phone", async (kept) => {
  addClient(
    clientId,
    ...["--public", "--redirect-uri", redirectUri, "--post-logout-redirect-uri", goodbye],
    ...["--scope", "openid profile"],
  );
  const discovery = await fetchDiscoveryAsync(ISSUER);
  const tokens = await signIn(discovery);
  const person = await fetchUserInfoAsync(tokens, discovery);
  assert.equal(person.name, "Ada Lovelace");
  kept("signs in by code and PKCE, and asks who that is");

  const fresh = await refreshAsync({ clientId, refreshToken: tokens.refreshToken }, discovery);
  assert.notEqual(fresh.refreshToken, tokens.refreshToken);
  assert.notEqual(fresh.accessToken, tokens.accessToken);
  kept("refreshes, and gets another refresh token");

  const before = browser.clone();
  const end = new URL(discovery.endSessionEndpoint);
  end.searchParams.set("id_token_hint", tokens.idToken);
  end.searchParams.set("post_logout_redirect_uri", goodbye);
  assert.equal((await browser.signOut(end)).href, goodbye);
  kept("signs out, and the browser comes back to it");

  await isOver(discovery, fresh);
  const silent = new AuthRequest({ clientId, redirectUri, scopes: ["openid"], prompt: "none" });
  const back = await before.open(await silent.makeAuthUrlAsync(discovery));
  assert.equal(silent.parseReturnUrl(back.href).error.code, "login_required");
  kept("and everything it held is worthless");

  const again = await signIn(discovery);
  await revokeAsync({ clientId, token: again.refreshToken }, discovery);
  await isOver(discovery, again);
  kept("signs in again, and revokes what it holds");
});

async function signIn(discovery) {
  const request = new AuthRequest({ clientId, redirectUri, scopes: ["openid", "profile"] });
  const result = await request.promptAsync(discovery);
  assert.equal(result.type, "success", result.error);
  const extraParams = { code_verifier: request.codeVerifier };
  const { code } = result.params;
  return exchangeCodeAsync({ clientId, redirectUri, code, extraParams }, discovery);
}

async function isOver(discovery, { accessToken, refreshToken }) {
  await isRefused(refreshAsync({ clientId, refreshToken }, discovery), "invalid_grant");
  const answer = await fetchUserInfoAsync({ accessToken }, discovery);
  assert.notEqual(answer.name, "Ada Lovelace");
  assert.equal(answer.error, "invalid_token", JSON.stringify(answer));
}
