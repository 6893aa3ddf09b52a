// A session that is ended from another device: noticed by push, on the way back to the app, on a 401.

import { strict as assert } from "node:assert";
import { until } from "../world.js";

const EVENTS = "/account/events";
const TOLD = /You were signed out[^]*You signed this device out from another device\./;

export const elsewhere = {
  "signed out from another device: told why within a second, without a call of its own": async ({ house, guest, person }) => {
    const { here, there } = await two(guest, person);
    await until("the stream is open", () => house.proxy.count(EVENTS) >= 2);
    await there.page.evaluate(() => document.fonts.ready);
    await end(here);
    await there.see("ended").waitFor({ timeout: 1000 });
    assert.match(await there.text("ended"), TOLD);
  },

  "with the push lost, it is noticed on the way back to the app": async ({ house, guest, person }) => {
    house.proxy.rule = deaf;
    const { here, there } = await two(guest, person);
    await end(here);
    assert.ok(await there.see("room-tea").isVisible(), "nothing has told it yet");
    await there.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    await there.sees("ended");
    assert.match(await there.text("ended"), TOLD);
  },

  "with the push lost, it is noticed by the next 401 of the API": async ({ house, guest, person }) => {
    house.proxy.rule = deaf;
    const { here, there } = await two(guest, person);
    await end(here);
    assert.ok(await there.see("room-tea").isVisible(), "nothing has told it yet");
    await until("the API refuses", async () => {
      await there.see("another-cup").click({ timeout: 500 }).catch(() => undefined);
      return there.see("ended").isVisible();
    });
    assert.match(await there.text("ended"), TOLD);
  },

  "the reason is told in the person's language": async ({ guest, person }) => {
    const { here, there } = await two(guest, person, { language: "zh-CN", scheme: "dark" });
    await end(here);
    await there.sees("ended");
    assert.match(await there.text("ended"), /你已退出登录[^]*你在另一台设备上让这台设备退出了登录。/);
  },
};

const deaf = ({ path }) => (path === EVENTS ? { status: 503 } : undefined);

async function two(guest, person, view) {
  const [here, there] = [await guest(), await guest(view)];
  const name = await person();
  await here.signIn(name);
  await there.signIn(name);
  return { here, there };
}

async function end(here) {
  await here.press("tab-devices");
  await here.press("sign-out-device");
  await here.press("confirm-yes");
  await here.sees("device-done");
}
