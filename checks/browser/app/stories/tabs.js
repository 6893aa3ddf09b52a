// The app in two tabs of one browser.

import { strict as assert } from "node:assert";
import { refreshes, until } from "../world.js";

const HOUR = 3_600_000;

export const tabs = {
  "two tabs: both signed in, one refresh for both, and a sign-out in one is the other's": async ({ house, guest, person }) => {
    const ada = await guest();
    await ada.signIn(await person());
    const other = await ada.newTab();
    await ada.sees("tea-name", other);
    for (const page of [ada.page, other]) await ada.later(HOUR, page);
    house.proxy.forget();
    await ada.press("another-cup");
    await until("tokens in one", () => refreshes(house).length === 1 && ada.see("another-cup").isEnabled());
    await ada.press("another-cup", other);
    await until("a cup in the other", async () => Number((await ada.text("cup", other)).split(" ")[1]) === 4);
    assert.equal(refreshes(house).length, 1, "the other has found what the first one got");
    await ada.signOut();
    await ada.sees("sign-in", other);
    assert.match(await ada.text("ended", other), /You signed out in another window/);
  },

  "two tabs at the same moment get the same tokens": async ({ house, guest, person }) => {
    const ada = await guest();
    await ada.signIn(await person());
    const other = await ada.newTab();
    await ada.sees("tea-name", other);
    for (const page of [ada.page, other]) await ada.later(HOUR, page);
    ada.tokens.length = 0;
    await Promise.all([ada.press("another-cup"), ada.press("another-cup", other)]);
    await until("both have their cup", async () => {
      const cups = [await ada.text("cup"), await ada.text("cup", other)].sort();
      return cups.join() === "Cup 3,Cup 4";
    });
    const successors = new Set(ada.tokens.map((answer) => answer.refresh_token));
    assert.equal(successors.size, 1);
  },

  "a tab that froze with the lock in its hands holds nobody up": async ({ guest, person }) => {
    const ada = await guest();
    await ada.signIn(await person());
    const frozen = await ada.newTab();
    await frozen.evaluate(() => new Promise((held) => {
      void navigator.locks.request("menshen.storage", () => {
        held();
        return new Promise(() => undefined);
      });
    }));
    await ada.freeze(frozen);
    await ada.later(HOUR);
    await ada.press("another-cup");
    await until("a cup all the same", async () => (await ada.text("cup")) !== "Cup 1");
    const held = await ada.page.evaluate(async () => (await navigator.locks.query()).held.map(({ name }) => name));
    assert.ok(held.includes("menshen.storage"), "the lock is still held");
    await ada.signOut();
  },
};
