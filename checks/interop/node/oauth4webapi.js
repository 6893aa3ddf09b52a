// npm `oauth4webapi`: a server-side app after the FAPI 2.0 profile (pushed requests, assertions
// under its own key, tokens bound to a key), and a device that shows a code.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import * as oauth from "oauth4webapi";
import { exportJWK } from "jose";
import { ISSUER, addClient, isRefused, story } from "./place.js";
import { Walker } from "./walker.js";

const CALLBACK = "https://bank.example/callback";
const GOODBYE = "https://bank.example/goodbye";

const issuer = new URL(ISSUER);
const as = await oauth
  .discoveryRequest(issuer)
  .then((response) => oauth.processDiscoveryResponse(issuer, response));

await story("oauth4webapi, a bank's app", async (kept) => {
  const { authentication, jwks } = await ownKey();
  addClient(
    "oauth4webapi-bank",
    ...["--redirect-uri", CALLBACK, "--post-logout-redirect-uri", GOODBYE],
    ...["--auth-method", "private_key_jwt", "--jwks-file", jwks, "--security-profile", "fapi2"],
    ...["--id-token-alg", "ES256", "--scope", "openid profile"],
  );
  const client = { client_id: "oauth4webapi-bank" };
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
  const bank = { client, authentication, options: { DPoP } };

  const [browser, codeVerifier] = [new Walker(), oauth.generateRandomCodeVerifier()];
  const { request_uri } = await push(bank, codeVerifier);
  kept("pushes its request, authenticated by its key, with a DPoP proof");

  const url = new URL(as.authorization_endpoint);
  url.searchParams.set("client_id", client.client_id);
  url.searchParams.set("request_uri", request_uri);
  const reached = await browser.signIn(url);
  const back = oauth.validateAuthResponse(as, client, reached, oauth.expectNoState);
  const answer = await oauth.authorizationCodeGrantRequest(
    ...[as, client, authentication, back, CALLBACK, codeVerifier, bank.options],
  );
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, {
    requireIdToken: true,
  });
  await oauth.validateApplicationLevelSignature(as, answer);
  assert.equal(tokens.token_type, "dpop");
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  kept("signs in, and gets tokens bound to its key");

  const person = await userinfo(bank, tokens, claims.sub);
  assert.equal(person.name, "Ada Lovelace");
  kept("asks who has signed in, with a proof");

  const thief = { client, options: {} };
  await isRefused(userinfo(thief, tokens, claims.sub), "invalid_token");
  kept("and its access token is worth nothing without the key");

  const fresh = await refresh(bank, tokens.refresh_token);
  assert.notEqual(fresh.access_token, tokens.access_token);
  kept("refreshes");

  const found = await introspect(bank, fresh.access_token);
  assert.equal(found.active, true);
  assert.ok(found.cnf.jkt);
  kept("introspects its access token, and sees the key");

  const asBefore = browser.clone();
  const end = new URL(as.end_session_endpoint);
  end.searchParams.set("id_token_hint", tokens.id_token);
  end.searchParams.set("post_logout_redirect_uri", GOODBYE);
  assert.equal((await browser.signOut(end)).href, GOODBYE);
  kept("signs out, and the browser comes back to it");

  await isRefused(refresh(bank, fresh.refresh_token ?? tokens.refresh_token), "invalid_grant");
  await isRefused(userinfo(bank, fresh, claims.sub), "invalid_token");
  assert.equal((await introspect(bank, fresh.access_token)).active, false);
  const again = await push(bank, oauth.generateRandomCodeVerifier(), { prompt: "none" });
  url.searchParams.set("request_uri", again.request_uri);
  assert.equal((await asBefore.open(url)).searchParams.get("error"), "login_required");
  kept("and everything it held is worthless");
});

await story("oauth4webapi, revocation", async (kept) => {
  const secret = addClient("oauth4webapi-service", "--scope", "revocations:read");
  const client = { client_id: "oauth4webapi-service" };
  const authentication = oauth.ClientSecretBasic(secret);
  const service = { client, authentication, options: {} };
  const response = await oauth.clientCredentialsGrantRequest(as, client, authentication, {});
  const tokens = await oauth.processClientCredentialsResponse(as, client, response);
  assert.equal((await introspect(service, tokens.access_token)).active, true);
  kept("a service gets a token for itself");

  const revoked = await oauth.revocationRequest(as, client, authentication, tokens.access_token);
  await oauth.processRevocationResponse(revoked);
  assert.equal((await introspect(service, tokens.access_token)).active, false);
  kept("and revokes it");
});

await story("oauth4webapi, a television", async (kept) => {
  addClient(
    "oauth4webapi-tv",
    ...["--public", "--scope", "openid profile"],
    ...["--grant-type", "urn:ietf:params:oauth:grant-type:device_code"],
    ...["--grant-type", "refresh_token"],
  );
  const client = { client_id: "oauth4webapi-tv" };
  const authentication = oauth.None();
  const tv = { client, authentication, options: {} };
  const shown = await oauth
    .deviceAuthorizationRequest(as, client, authentication, { scope: "openid profile" })
    .then((response) => oauth.processDeviceAuthorizationResponse(as, client, response));
  kept("asks for a code to show");

  const poll = async () => {
    const response = await oauth.deviceCodeGrantRequest(
      ...[as, client, authentication, shown.device_code],
    );
    return oauth.processDeviceCodeResponse(as, client, response, { requireIdToken: true });
  };
  await isRefused(poll(), "authorization_pending");
  await new Walker().allowDevice(shown.verification_uri_complete);
  await new Promise((resolve) => setTimeout(resolve, (shown.interval ?? 5) * 1000));
  const tokens = await poll();
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  assert.equal((await userinfo(tv, tokens, sub)).name, "Ada Lovelace");
  kept("is signed in on a phone, and gets tokens");

  const fresh = await refresh(tv, tokens.refresh_token);
  const revoked = await oauth.revocationRequest(as, client, authentication, fresh.refresh_token);
  await oauth.processRevocationResponse(revoked);
  await isRefused(refresh(tv, fresh.refresh_token), "invalid_grant");
  await isRefused(userinfo(tv, fresh, sub), "invalid_token");
  kept("refreshes, and signs out by revoking what it holds");
});

// A key of the app: what it authenticates with, and the file with the public half.
async function ownKey() {
  const { privateKey, publicKey } = await oauth.generateKeyPair("ES256");
  const jwks = `${process.env.INTEROP_FOLDER}/bank.jwks.json`;
  const key = { ...(await exportJWK(publicKey)), kid: "bank-1", alg: "ES256", use: "sig" };
  writeFileSync(jwks, JSON.stringify({ keys: [key] }));
  return { authentication: oauth.PrivateKeyJwt({ key: privateKey, kid: "bank-1" }), jwks };
}

async function push({ client, authentication, options }, codeVerifier, more = {}) {
  const parameters = {
    response_type: "code",
    redirect_uri: CALLBACK,
    scope: "openid profile",
    code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: "S256",
    ...more,
  };
  const response = await oauth.pushedAuthorizationRequest(
    ...[as, client, authentication, parameters, options],
  );
  return oauth.processPushedAuthorizationResponse(as, client, response);
}

async function userinfo({ client, options }, { access_token }, sub) {
  const response = await oauth.userInfoRequest(as, client, access_token, options);
  return oauth.processUserInfoResponse(as, client, sub, response);
}

async function refresh({ client, authentication, options }, token) {
  const response = await oauth.refreshTokenGrantRequest(as, client, authentication, token, options);
  return oauth.processRefreshTokenResponse(as, client, response);
}

async function introspect({ client, authentication }, token) {
  const response = await oauth.introspectionRequest(as, client, authentication, token);
  return oauth.processIntrospectionResponse(as, client, response);
}
