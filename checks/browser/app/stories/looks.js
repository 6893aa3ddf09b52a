// Every screen in both languages, by day and by night, on a phone: pictures of it, and whether everybody
// can use it.

import { strict as assert } from "node:assert";
import { barriersOn, LANGUAGES, SCHEMES, unseenFocusOn } from "../../browser.js";

export const looks = Object.fromEntries(
  LANGUAGES.flatMap((language) =>
    SCHEMES.map((scheme) => [
      `everybody can use every screen: ${language}, ${scheme}`,
      (world) => walk(world, { language, scheme }),
    ]),
  ),
);

async function walk({ guest, person, pictures }, view) {
  const findings = [];
  const [ada, other] = [await guest(view), await guest(view)];
  let number = 0;
  const look = async (name, id) => {
    await ada.sees(id);
    number += 1;
    const file = `${view.language}-${view.scheme}-${String(number).padStart(2, "0")}-${name}.png`;
    await ada.page.screenshot({ path: `${pictures}/${file}` });
    const found = [...(await barriersOn(ada.page)), ...(await tooSmallOn(ada.page))];
    findings.push(...found.map((text) => `${name}: ${text}`));
  };
  const focus = async (name) => {
    findings.push(...(await unseenFocusOn(ada.page)).map((text) => `${name}: ${text}`));
  };

  const name = await person();
  await look("door", "username");
  await focus("door");
  await ada.see("username").fill(name);
  await ada.see("password").fill("wrong");
  await ada.press("sign-in-here");
  await look("wrong-password", "problem");
  await ada.signIn(name);
  await look("tea", "tea-name");
  await focus("tea");
  await ada.press("round");
  await look("round", "poured");
  await other.signIn(name);
  await ada.press("tab-devices");
  await look("devices", "device-other");
  await focus("devices");
  await ada.press("sign-out-device");
  await look("sign-out-device", "confirm");
  await ada.press("confirm-yes");
  await look("device-signed-out", "device-done");
  await ada.press("tab-account");
  await look("account", "sign-out");
  await ada.press("sign-out-everywhere");
  await look("sign-out-everywhere", "confirm");
  await ada.press("confirm-no");
  await ada.offline();
  await ada.press("tab-tea");
  await look("offline", "tea-offline");
  await ada.signOut();
  await look("waiting", "pending");
  await ada.online();
  await look("finished", "finished");

  await ada.signIn(name);
  await other.signIn(name);
  await end(other);
  await look("ended", "ended");
  const lang = await ada.page.locator("html").getAttribute("lang");
  assert.ok(lang.startsWith(view.language.slice(0, 2)), `the page is in ${lang}`);
  assert.deepEqual(findings, []);
}

async function end(other) {
  await other.press("tab-devices");
  await other.press("sign-out-device");
  await other.press("confirm-yes");
  await other.sees("device-done");
}

// What a finger must hit has 44 points at least each way (WCAG 2.2, 2.5.5).
function tooSmallOn(page) {
  return page.evaluate(() => {
    const targets = document.querySelectorAll("button, a, input, [role=button], [role=tab], [role=radio], [role=switch]");
    return [...targets].flatMap((element) => {
      const { width, height } = element.getBoundingClientRect();
      const small = width > 0 && (width < 44 || height < 44);
      return small ? [`${element.outerHTML.slice(0, 80)} is ${width} by ${height}`] : [];
    });
  });
}
