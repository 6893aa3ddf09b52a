// What a walk promises, chapter by chapter; each goes on where the one before it has ended.
// Whatever is pressed is named by what it does, so that it is found in every language.

import { strict as assert } from "node:assert";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { personOf, post } from "./place.js";

const LOCALES = new URL("../../crates/server/locales/", import.meta.url);
const USERNAME = "main input[name=username]:not([type=hidden])";
const SIGN_IN_BUTTON = "form[action$='/sign-in'] button";
const ALLOW = "button[value=allow]";
const MISHAP = "dl.details";

export const chapters = [
  signIn, signInAgain, accounts, devices, apps, password, codes, television, logout, mishaps,
];

// Whoever was signed out comes back to their account, is told why, and is asked to sign in.
async function isOut(visitor, issuer, reason) {
  await visitor.go(`${issuer}/account`);
  await visitor.sees(`told-${reason}`, ".sign-closed");
  const sentences = await readFile(new URL(`${visitor.view.language}.ftl`, LOCALES), "utf8");
  const [, sentence] = new RegExp(`^reason-${reason} = (.*)$`, "m").exec(sentences);
  assert.equal(await visitor.find(".lead").innerText(), sentence);
  await visitor.press("main a[href*='/sign-in']");
  await visitor.find(USERNAME).waitFor();
}

// Signs in on the page shown.
async function signInAs(visitor, people, name) {
  await visitor.send({ username: people[name], password: people.password });
}

async function signIn(world, promise) {
  const { issuer, app, people } = world;
  const phone = await world.visitor("first");
  world.first = phone;

  await promise("an app sends people to the sign-in page", async () => {
    await phone.go(app.begin(issuer));
    await phone.sees("sign-in", USERNAME);
  });
  await promise("a wrong password is refused, and the name stays", async () => {
    await phone.send({ username: people.ada, password: "wrong" });
    await phone.sees("wrong-password", "[role=alert]");
    assert.equal(await phone.find(USERNAME).inputValue(), people.ada);
  });
  await promise("the keyboard alone signs in, allows, and comes back to the app", async () => {
    await phone.tabTo("#password");
    await phone.page.keyboard.type(people.password);
    await phone.tabTo(SIGN_IN_BUTTON);
    await phone.enter();
    await phone.sees("consent", ALLOW);
    await phone.tabTo(ALLOW);
    await phone.enter();
    const { person } = await app.finish(issuer, phone.page.url());
    assert.equal(person.name, "Ada Lovelace");
    world.ada = person.sub;
  });
}

async function signInAgain(world, promise) {
  const { issuer, app, people, first } = world;
  await promise("the next time nothing is asked", async () => {
    await first.go(app.begin(issuer));
    const { person } = await app.finish(issuer, first.page.url());
    assert.equal(person.sub, world.ada);
  });
  await promise("prompt=login asks for the password once more", async () => {
    await first.go(app.begin(issuer, { prompt: "login" }));
    await first.sees("reauthenticate", ".person");
    await first.send({ password: "wrong" });
    await first.sees("reauthenticate-wrong", "[role=alert]");
    await first.send({ password: people.password });
    await app.finish(issuer, first.page.url());
  });
  await promise("prompt=none is answered without a page", async () => {
    await first.go(app.begin(issuer, { prompt: "none" }));
    await app.finish(issuer, first.page.url());
  });
}

async function accounts(world, promise) {
  const { issuer, app, people, first } = world;
  const choose = () => first.go(app.begin(issuer, { prompt: "select_account" }));
  await promise("prompt=select_account goes on with the account that is there", async () => {
    await choose();
    await first.sees("choose-account", ".person");
    await first.press("form[action$='/sign-in/chosen'] button");
    const { person } = await app.finish(issuer, first.page.url());
    assert.equal(person.sub, world.ada);
  });
  await promise("somebody else signs in instead, and may say no", async () => {
    await choose();
    await first.press("form[action$='/sign-in/other'] button");
    await first.sees("other-account", USERNAME);
    await signInAs(first, people, "bo");
    await first.sees("consent-of-another", ALLOW);
    await first.press("button[value=deny]");
    const { error } = await app.finish(issuer, first.page.url());
    assert.equal(error, "access_denied");
  });
  await promise("the first one comes back", async () => {
    await choose();
    await first.press("form[action$='/sign-in/other'] button");
    await signInAs(first, people, "ada");
    const { person } = await app.finish(issuer, first.page.url());
    assert.equal(person.sub, world.ada);
  });
}

async function devices(world, promise) {
  const { issuer, people, first } = world;
  const second = await world.visitor("second");
  world.second = second;
  const signInThere = async () => {
    await second.go(`${issuer}/account`);
    await signInAs(second, people, "ada");
    await second.find("#devices").waitFor();
  };
  const rows = () => first.find("section[aria-labelledby=devices] .rows > li").count();

  await promise("the account shows both devices", async () => {
    await second.go(`${issuer}/account`);
    await second.sees("account-sign-in", USERNAME);
    await signInThere();
    await first.go(`${issuer}/account`);
    await first.sees("account", "#devices");
    assert.equal(await rows(), 2);
  });
  await promise("a device is signed out from the other, and is out at once", async () => {
    await first.press("form[action$='/account/devices/sign-out'] button");
    await isOut(second, issuer, "remote-logout");
    await first.sees("device-signed-out", "[role=status]");
    assert.equal(await rows(), 1);
  });
  await promise("everything else is signed out, and only this device is left", async () => {
    await signInThere();
    await first.go(`${issuer}/account`);
    await first.press("form[action$='/account/devices/sign-out-elsewhere'] button");
    await isOut(second, issuer, "remote-logout");
    await first.sees("signed-out-elsewhere", "[role=status]");
    assert.equal(await rows(), 1);
  });
}

async function apps(world, promise) {
  const { issuer, app, first } = world;
  await promise("the access of an app is withdrawn, and what it held is worthless", async () => {
    await first.go(app.begin(issuer));
    const { access_token: token, refresh_token: refresh } = await app.finish(issuer, first.page.url());
    await first.go(`${issuer}/account`);
    await first.find("summary").click();
    await first.sees("what-an-app-may", "details[open] .scopes");
    await first.press("form[action$='/account/apps/withdraw'] button");
    await first.sees("access-withdrawn", "[role=status]");
    assert.equal(await personOf(issuer, token), 401);
    const refused = await app.ask(issuer, { grant_type: "refresh_token", refresh_token: refresh });
    assert.equal(refused.reason, "consent_withdrawn");
  });
  await promise("and consent is asked for again", async () => {
    await first.go(app.begin(issuer));
    await first.find(ALLOW).waitFor();
    await first.press(ALLOW);
    await app.finish(issuer, first.page.url());
  });
}

async function password(world, promise) {
  const { issuer, app, people, first, second } = world;
  await promise("a new password that will not do is refused", async () => {
    await first.go(`${issuer}/account`);
    await first.send({ current_password: "wrong", new_password: "a new one of mine" });
    await first.sees("password-refused", "[role=alert]");
  });
  await promise("a new password signs the other device out, and people and apps are told why", async () => {
    await second.go(app.begin(issuer));
    await signInAs(second, people, "ada");
    const { refresh_token: refresh } = await app.finish(issuer, second.page.url());
    await first.send({ current_password: people.password, new_password: "a new one of mine" });
    await first.sees("password-changed", "[role=status]");
    await isOut(second, issuer, "password-changed");
    const refused = await app.ask(issuer, { grant_type: "refresh_token", refresh_token: refresh });
    assert.equal(refused.reason, "password_changed");
    people.password = "a new one of mine";
  });
}

// What an authenticator app shows so many periods from now (RFC 6238).
export function codeOf(secret, later = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const tag = createHmac("sha1", key).update(step).digest();
  const number = tag.readUInt32BE(tag[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

async function codes(world, promise) {
  const { issuer, app, people, first } = world;
  const third = await world.visitor("third");
  const decide = async (decision) => {
    await first.go(`${issuer}/account`);
    await first.fill({ password: people.password });
    await first.press(`button[value=${decision}]`);
  };
  let secret;
  let spare;
  await promise("a picture sets an app up, and its first code turns it on", async () => {
    await decide("set_up");
    await first.sees("set-up-codes", ".qr img");
    const address = await first.find("a[href^='otpauth:']").getAttribute("href");
    secret = new URL(address).searchParams.get("secret");
    await first.send({ code: "wrong" });
    await first.sees("set-up-codes-wrong", "[role=alert]");
    await first.send({ code: codeOf(secret) });
    await first.sees("recovery-codes", ".recovery");
    spare = await first.find(".recovery li").allInnerTexts();
    assert.equal(spare.length, 10);
    await first.go(`${issuer}/account`);
    await first.sees("account-with-codes", "button[value=turn_off]");
  });
  await promise("the code is asked for after the password; a recovery code will do, once", async () => {
    await third.go(app.begin(issuer));
    await signInAs(third, people, "ada");
    await third.sees("enter-code", "#code");
    await third.send({ code: "wrong" });
    await third.sees("enter-code-wrong", "[role=alert]");
    await third.send({ code: spare[0] });
    const { person } = await app.finish(issuer, third.page.url());
    assert.equal(person.sub, world.ada);
  });
  await promise("who is signed in by the password alone steps up by the code alone", async () => {
    await first.go(app.begin(issuer, { acr_values: "urn:menshen:acr:mfa" }));
    await first.sees("step-up", "#code");
    assert.equal(await first.find("#password").count(), 0);
    await first.send({ code: codeOf(secret, 1) });
    await app.finish(issuer, first.page.url());
  });
  await promise("it is turned off by the password", async () => {
    await decide("turn_off");
    await first.sees("codes-off", "[role=status]");
    await first.find("button[value=set_up]").waitFor();
  });
}

async function television(world, promise) {
  const { issuer, people, first, second } = world;
  const tv = { client_id: "tv" };
  const begin = () => post(`${issuer}/device_authorization`, { ...tv, scope: "openid profile" });
  const grant = "urn:ietf:params:oauth:grant-type:device_code";
  const poll = (code) => post(`${issuer}/token`, { ...tv, grant_type: grant, device_code: code });

  await promise("a code that no device shows is refused", async () => {
    await first.go(`${issuer}/device`);
    await first.sees("device", "#user-code");
    await first.send({ user_code: "BBBB-BBBB" });
    await first.sees("device-unknown", "[role=alert]");
  });
  await promise("a device comes in once its code is confirmed, and not before", async () => {
    const { device_code: code, user_code: shown, interval } = await begin();
    assert.equal((await poll(code)).error, "authorization_pending");
    const soonest = new Promise((resolve) => setTimeout(resolve, interval * 1000 + 100));
    await first.send({ user_code: shown.toLowerCase() });
    await first.sees("device-confirm", ".code-shown");
    assert.equal(await first.find(".code-shown").innerText(), shown);
    await first.press(ALLOW);
    await first.sees("device-allowed", ".sign-done");
    await soonest;
    const { access_token: token, id_token: proof } = await poll(code);
    assert.equal((await personOf(issuer, token)).sub, world.ada);
    assert.ok(proof);
  });
  await promise("a picture of the code leads there, and whoever says no keeps the device out", async () => {
    const { device_code: code, verification_uri_complete: address } = await begin();
    await second.go(address);
    await second.sees("device-compare", "#user-code");
    await second.press("form:has(#user-code) button");
    await signInAs(second, people, "ada");
    await second.sees("device-confirm", ".code-shown");
    await second.press("button[value=deny]");
    await second.sees("device-denied", ".sign-closed");
    assert.equal((await poll(code)).error, "access_denied");
  });
}

async function logout(world, promise) {
  const { issuer, app, people, first } = world;
  const home = { client_id: app.id, post_logout_redirect_uri: app.home };
  const leave = (form) => first.go(`${issuer}/logout?${new URLSearchParams(form)}`);
  const signInToApp = async () => {
    await first.go(app.begin(issuer));
    if (await first.find(USERNAME).count()) await signInAs(first, people, "ada");
    return app.finish(issuer, first.page.url());
  };
  await promise("without an ID token people are asked, and may stay", async () => {
    await signInToApp();
    await leave(home);
    await first.sees("confirm-sign-out", "button[value=sign_out]");
    await first.press("button[value=stay]");
    await first.find("#devices").waitFor();
  });
  await promise("whoever confirms is signed out, and comes back to the app", async () => {
    await leave(home);
    await first.press("button[value=sign_out]");
    assert.equal(first.page.url(), app.home);
  });
  await promise("with an ID token nothing is asked, and its app's tokens are worthless", async () => {
    const tokens = await signInToApp();
    await leave({ ...home, id_token_hint: tokens.id_token, state: "x y" });
    assert.equal(first.page.url(), `${app.home}?state=x+y`);
    assert.equal(await personOf(issuer, tokens.access_token), 401);
  });
  await promise("a page says what was signed out, and leads back in", async () => {
    const tokens = await signInToApp();
    await leave({ id_token_hint: tokens.id_token });
    await first.sees("signed-out", "a[href*='/sign-in']");
    await first.press("main a[href*='/sign-in']");
    await first.find(USERNAME).waitFor();
    await leave({});
    await first.sees("signed-out-nobody", "main h1");
  });
}

async function mishaps(world, promise) {
  const { issuer, app, first } = world;
  await promise("an address that is not the app's is refused on a page of ours", async () => {
    await first.go(app.begin(issuer, { redirect_uri: "https://elsewhere.example/" }));
    await first.sees("bad-redirect-uri", MISHAP);
    assert.ok(first.page.url().startsWith(issuer));
  });
  await promise("a request that was pushed too long ago has expired", async () => {
    const gone = "urn:ietf:params:oauth:request_uri:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    await first.go(`${issuer}/authorize?${new URLSearchParams({ client_id: app.id, request_uri: gone })}`);
    await first.sees("page-expired", MISHAP);
  });
  await promise("a form that has lost its browser does nothing", async () => {
    await first.go(app.begin(issuer));
    await first.context.clearCookies();
    await first.send({ username: world.people.ada, password: world.people.password });
    await first.sees("foreign-form", MISHAP);
  });
  await promise("an unknown path is a page, too", async () => {
    await first.go(`${issuer}/nowhere`);
    await first.sees("not-found", MISHAP);
  });
}
