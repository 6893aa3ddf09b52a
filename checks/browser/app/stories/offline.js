// Without a network: signed in all the same, and signed out all the same.

import { strict as assert } from "node:assert";
import { areDead, lives, until } from "../world.js";

export const offline = {
  "signs out offline: at the door at once, nothing that gives access is left; killed, started online, ended": async ({ house, device, person }) => {
    const phone = await device();
    const ada = await phone.start();
    await ada.signIn(await person());
    const { held } = ada;
    const secrets = [held.refresh_token, held.access_token, held.id_token];
    const before = await ada.kept();
    for (const secret of [...secrets, held.logout_handle]) assert.ok(before.includes(secret), "is kept while signed in");

    await ada.offline();
    await ada.signOut();
    assert.match(await ada.text("pending"), /finished when you are online/);
    const after = await ada.kept();
    for (const secret of secrets) assert.ok(!after.includes(secret), "nothing that gives access is kept");
    assert.ok(after.includes(held.logout_handle), "what can end the session is kept");
    assert.ok(await lives(house, held), "the provider has not heard of it");

    await phone.kill();
    const again = await phone.start();
    await again.sees("sign-in");
    await areDead(house, held, "logout");
    await until("nothing waits any more", async () => (await again.see("pending").count()) === 0);
  },

  "a sign-out that waits is finished once the network is back, and says so": async ({ house, guest, person }) => {
    const ada = await guest();
    await ada.signIn(await person());
    const { held } = ada;
    await ada.offline();
    await ada.signOut();
    await ada.sees("pending");
    await ada.online();
    await ada.sees("finished");
    await areDead(house, held, "logout");
  },

  "starts offline, with a token that has expired, and is still signed in": async ({ house, guest, person }) => {
    const ada = await guest();
    await ada.signIn(await person());
    await ada.page.close();
    await ada.offline();
    ada.page = await ada.newTab(3_600_000);
    await ada.sees("tea-offline");
    await ada.press("tab-account");
    assert.equal(await ada.text("who"), "Ada Lovelace");
    assert.equal(await ada.see("sign-in").count(), 0);
    await ada.online();
    await ada.press("tab-tea");
    await ada.sees("tea-name");
    assert.ok(house.proxy.count("/token") > 0);
  },

  "signing out everywhere needs a network, and signs nobody out without one": async ({ guest, person }) => {
    const ada = await guest();
    await ada.signIn(await person());
    await ada.offline();
    await ada.press("tab-account");
    await ada.press("sign-out-everywhere");
    await ada.press("confirm-yes");
    await ada.sees("everywhere-offline");
    assert.equal(await ada.text("who"), "Ada Lovelace");
  },
};
