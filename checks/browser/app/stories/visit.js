// The ways in, what there is inside, and the ways out.

import { strict as assert } from "node:assert";
import { codeOf } from "../../chapters.js";
import { PASSWORD } from "../house.js";
import { areDead, atGateway, until } from "../world.js";

export const visit = {
  "signs in, calls the API, signs out: what was held is refused by provider and gateway": async ({ house, guest, person }) => {
    const ada = await guest();
    await ada.signIn(await person());
    assert.match(await ada.text("tea"), /Longjing[^]*Ada Lovelace/);
    const { held } = ada;
    assert.equal(await atGateway(house, held.access_token), 200);
    await ada.signOut();
    await areDead(house, held, "logout");
    assert.equal(await ada.see("ended").count(), 0, "nobody is told why they left by themselves");
  },

  "a wrong password is refused on the same screen, and the right one goes on": async ({ guest, person }) => {
    const ada = await guest();
    const name = await person();
    await ada.see("username").fill(name);
    await ada.see("password").fill("wrong");
    await ada.press("sign-in-here");
    assert.match(await ada.text("problem"), /user name or the password is wrong/);
    await ada.signIn(name);
  },

  "signs in through the browser, and the window closes by itself": async ({ guest, person }) => {
    const ada = await guest();
    const name = await person();
    const [popup] = await Promise.all([ada.page.waitForEvent("popup"), ada.press("sign-in-browser")]);
    await popup.locator("input[name=username]").fill(name);
    await popup.locator("input[name=password]").fill(PASSWORD);
    await Promise.all([popup.waitForEvent("close"), popup.locator("form[action$='/sign-in'] button").click()]);
    await ada.sees("tea-name");
    assert.match(await ada.text("tea"), /Ada Lovelace/);
  },

  "a closed browser window is nobody's sign-in, and no complaint": async ({ guest }) => {
    const ada = await guest();
    const [popup] = await Promise.all([ada.page.waitForEvent("popup"), ada.press("sign-in-browser")]);
    await popup.close();
    await until("the button can be pressed again", () => ada.see("sign-in-browser").isEnabled());
    assert.equal(await ada.see("problem").count(), 0);
  },

  "asks for a code where one is needed; a wrong one can be tried again": async ({ house, guest, person }) => {
    const ada = await guest();
    const name = await person();
    const secret = await turnCodesOn(house, ada, name);
    await ada.see("username").fill(name);
    await ada.see("password").fill(PASSWORD);
    await ada.press("sign-in-here");
    await ada.see("code").fill("000000");
    await ada.press("send-code");
    assert.match(await ada.text("problem"), /code is not right/);
    await ada.see("code").fill(codeOf(secret, 1));
    await ada.press("send-code");
    await ada.sees("tea-name");
  },

  "signs another device out, which is told; and then everywhere": async ({ house, guest, person }) => {
    const [here, there] = [await guest(), await guest()];
    const name = await person();
    await here.signIn(name);
    await there.signIn(name);
    const { held } = there;
    await here.press("tab-devices");
    await here.sees("device-other");
    assert.match(await here.text("device-current"), /This device/);
    assert.match(await here.text("device-other"), /Linux[^]*just now/);
    await here.press("sign-out-device");
    await here.press("confirm-yes");
    await here.sees("device-done");
    await until("it is gone from the list", async () => (await here.see("device-other").count()) === 0);
    await areDead(house, held, "remote_logout");

    await until("the other device is at the door", () => there.see("sign-in").isVisible());
    await there.signIn(name);
    const both = [here.held, there.held];
    await here.press("tab-account");
    await here.press("sign-out-everywhere");
    await here.press("confirm-yes");
    await here.sees("sign-in");
    for (const tokens of both) await areDead(house, tokens);
  },
};

// On the provider's own pages, as people do.
async function turnCodesOn(house, guest, name) {
  const page = await guest.context.newPage();
  await page.goto(`${house.issuer}/account`);
  await page.locator("input[name=username]").fill(name);
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.locator("form[action$='/sign-in'] button").click();
  const form = page.locator("form:has(button[value=set_up])");
  await form.locator("input[type=password]").fill(PASSWORD);
  await form.locator("button[value=set_up]").click();
  const address = await page.locator("a[href^='otpauth:']").getAttribute("href");
  const secret = new URL(address).searchParams.get("secret");
  await page.locator("main input[name=code]").fill(codeOf(secret));
  await page.locator("main form:has(input[name=code]) button[type=submit]").first().click();
  await page.locator(".recovery").waitFor();
  await page.close();
  return secret;
}
