// npm `openid-client`: a web app with a server, one that asks by pushed requests and proves its
// keys, and a device that shows a code.

import assert from "node:assert/strict";
import * as client from "openid-client";
import { ISSUER, addClient, isRefused, story } from "./place.js";
import { Receiver } from "./receiver.js";
import { Walker } from "./walker.js";

const CALLBACK = "https://app.example/callback";
const GOODBYE = "https://app.example/goodbye";
const SCOPE = "openid profile email";

await story("openid-client, a web app", async (kept) => {
  const receiver = await Receiver.listen();
  const secret = addClient(
    "openid-client-web",
    ...["--redirect-uri", CALLBACK, "--post-logout-redirect-uri", GOODBYE],
    ...["--backchannel-logout-uri", receiver.url, "--scope", SCOPE, "--require-pkce"],
  );
  const config = await client.discovery(new URL(ISSUER), "openid-client-web", secret);
  client.enableNonRepudiationChecks(config);
  kept("reads the discovery document");

  const browser = new Walker();
  const tokens = await signIn(config, browser, (parameters) =>
    client.buildAuthorizationUrl(config, parameters),
  );
  kept("signs in by code and PKCE, and finds the ID token good");

  const { sub } = tokens.claims();
  const person = await client.fetchUserInfo(config, tokens.access_token, sub);
  assert.equal(person.name, "Ada Lovelace");
  assert.equal(person.email, "ada@example.com");
  kept("asks who has signed in");

  const found = await client.tokenIntrospection(config, tokens.access_token);
  assert.equal(found.active, true);
  assert.equal(found.client_id, "openid-client-web");
  kept("introspects its access token");

  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(fresh.refresh_token, tokens.refresh_token);
  assert.notEqual(fresh.access_token, tokens.access_token);
  assert.equal(fresh.claims().sub, sub);
  kept("refreshes, and gets another refresh token");

  const asBefore = browser.clone();
  const end = client.buildEndSessionUrl(config, {
    id_token_hint: fresh.id_token,
    post_logout_redirect_uri: GOODBYE,
    state: "after-the-logout",
  });
  const goodbye = await browser.signOut(end);
  assert.equal(goodbye.href, `${GOODBYE}?state=after-the-logout`);
  kept("signs out, and the browser comes back to it");

  const told = await receiver.nextLogout(config.serverMetadata(), "openid-client-web");
  assert.equal(told.sub, sub);
  assert.equal(told.sid, tokens.claims().sid);
  kept("is told of the logout by the back channel");

  await isOver(config, fresh, asBefore);
  kept("and everything it held is worthless");
});

await story("openid-client, revocation", async (kept) => {
  const secret = addClient(
    "openid-client-revoking",
    ...["--redirect-uri", CALLBACK, "--scope", SCOPE, "--auth-method", "client_secret_post"],
  );
  const method = client.ClientSecretPost(secret);
  const config = await client.discovery(
    new URL(ISSUER),
    "openid-client-revoking",
    undefined,
    method,
  );
  const tokens = await signIn(config, new Walker(), (parameters) =>
    client.buildAuthorizationUrl(config, parameters),
  );
  await client.tokenRevocation(config, tokens.refresh_token);
  await isRefused(client.refreshTokenGrant(config, tokens.refresh_token), "invalid_grant");
  kept("revokes its refresh token, which is refused then");

  const { sub } = tokens.claims();
  await isRefused(client.fetchUserInfo(config, tokens.access_token, sub), "invalid_token");
  assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false);
  kept("and so is the access token beside it");
});

// Signs in in a browser and redeems the code.
async function signIn(config, browser, buildUrl, options) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const url = await buildUrl({
    redirect_uri: CALLBACK,
    scope: SCOPE,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  });
  const back = await browser.signIn(url);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return client.authorizationCodeGrant(config, back, checks, undefined, options);
}

// After a logout, nothing that the client or the browser held opens anything.
async function isOver(config, tokens, browser, options) {
  const { sub } = tokens.claims();
  const refresh = client.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
  await isRefused(refresh, "invalid_grant");
  const userinfo = client.fetchUserInfo(config, tokens.access_token, sub, options);
  await isRefused(userinfo, "invalid_token");
  assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false);
  const silent = {
    redirect_uri: CALLBACK,
    scope: "openid",
    prompt: "none",
    code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
    code_challenge_method: "S256",
  };
  const back = await browser.open(client.buildAuthorizationUrl(config, silent));
  assert.equal(back.searchParams.get("error"), "login_required");
}
