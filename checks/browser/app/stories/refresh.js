// New tokens for old ones, whatever is lost on the way.

import { strict as assert } from "node:assert";
import { refreshes, until } from "../world.js";

const HOUR = 3_600_000;
const isRefresh = ({ path, form }) => path === "/token" && form.get("grant_type") === "refresh_token";

export const refresh = {
  "ten calls at once, when the token has expired, are one refresh": async ({ house, guest, person }) => {
    const ada = await guest();
    await ada.signIn(await person());
    await ada.later(HOUR);
    house.proxy.forget();
    await ada.press("round");
    await ada.sees("poured");
    assert.equal(refreshes(house).length, 1);
    assert.equal(await ada.see("poured").getAttribute("aria-label"), "10 cups");
  },

  "a reused connection that breaks after the refresh was done: the browser asks again, and she stays signed in": async (world) => {
    const { ada, sent } = await breakReused(world);
    await ada.sees("tea-name");
    assert.equal(sent.length, 2, "the browser has sent it twice");
    assert.equal(sent[0].headers["idempotency-key"], sent[1].headers["idempotency-key"]);
    await until("the cup that was asked for", async () => (await ada.text("cup")) === "Cup 3");
    await ada.press("another-cup");
    await until("and another one", async () => (await ada.text("cup")) === "Cup 4");
    assert.equal(await ada.see("sign-in").count(), 0);
  },

  "the control: the same without the key, under strict rotation, signs her out": async (world) => {
    await world.house.addApp("tea-house-strict", "--retry-window", "0s").catch(() => undefined);
    const strip = ({ headers }) => void delete headers["idempotency-key"];
    const { ada, sent } = await breakReused(world, { clientId: "tea-house-strict" }, strip);
    await ada.sees("ended");
    assert.equal(sent.length, 2, "the browser has sent it twice");
    assert.match(await ada.text("ended"), /old copy of this device’s sign-in/);
  },

  "killed in the middle of a refresh, started again: the same key gets the same tokens": async ({ house, guest, person }) => {
    const ada = await guest();
    await ada.signIn(await person());
    await ada.later(HOUR);
    house.proxy.forget();
    house.proxy.rule = (passing) => (isRefresh(passing) ? "hang response" : undefined);
    await ada.press("another-cup");
    await until("the refresh is under way", () => refreshes(house).length === 1);
    await ada.crash();
    house.proxy.rule = () => undefined;
    ada.page = await ada.newTab(HOUR);
    await ada.sees("tea-name");
    const [first, second] = refreshes(house);
    assert.equal(second.form.get("refresh_token"), first.form.get("refresh_token"));
    assert.equal(second.headers["idempotency-key"], first.headers["idempotency-key"]);
  },

  "500, 429 and a portal's page instead of an answer sign nobody out": async ({ house, guest, person }) => {
    const ada = await guest();
    await ada.signIn(await person());
    for (const fault of [{ status: 500 }, { status: 429, headers: { "retry-after": "1" } }, "garbage"]) {
      await ada.later(HOUR);
      house.proxy.forget();
      house.proxy.rule = (passing) => (isRefresh(passing) ? fault : undefined);
      await ada.press("another-cup");
      await ada.sees("tea-offline");
      assert.ok(refreshes(house).length > 0);
      assert.equal(await ada.see("sign-in").count(), 0);
      house.proxy.forget();
      await until("the next cup", async () => {
        await ada.press("another-cup");
        return (await ada.see("tea-offline").count()) === 0;
      });
    }
  },
};

// Signs in, lets the token expire, and breaks the connection after the provider has done the refresh,
// once, where it has carried a request before.
async function breakReused({ house, guest, person }, options, change = () => undefined) {
  const ada = await guest(undefined, options);
  await ada.signIn(await person());
  await ada.press("tab-devices");
  await ada.sees("device-current");
  await ada.press("tab-tea");
  await ada.sees("tea-name");
  await ada.later(HOUR);
  house.proxy.forget();
  let broken = false;
  house.proxy.rule = (passing) => {
    if (!isRefresh(passing)) return undefined;
    change(passing);
    if (broken || !passing.reused) return undefined;
    broken = true;
    return "drop response if reused";
  };
  await ada.press("another-cup");
  await until("the connection was broken", () => refreshes(house).length === 2);
  assert.ok(broken);
  return { ada, sent: refreshes(house) };
}
