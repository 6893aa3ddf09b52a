// Walks through the exported example in Chromium, against the real provider, gateway and API. One line
// for each promise; words of its sentence choose one: `scripts/browser app offline`.

import { mkdir } from "node:fs/promises";
import { launch } from "../browser.js";
import { Device } from "./device.js";
import { Guest } from "./guest.js";
import { openHouse } from "./house.js";
import { stories } from "./stories/index.js";

const pictures = new URL("../../../target/browser/app", import.meta.url).pathname;
await mkdir(pictures, { recursive: true });
const house = await openHouse();
const browser = await launch();
const counted = { passed: 0, failed: 0 };

async function tell(promise, story) {
  const [guests, devices] = [[], []];
  const guest = async (view, options) => {
    const opened = await Guest.open(browser, house, view, options);
    guests.push(opened);
    return opened;
  };
  const device = async () => {
    const opened = new Device(house);
    devices.push(opened);
    return opened;
  };
  const begin = Date.now();
  let problem;
  try {
    house.proxy.forget();
    await story({ house, guest, device, pictures, person: () => house.newPerson() });
  } catch (error) {
    problem = error;
  }
  const seconds = ((Date.now() - begin) / 1000).toFixed(1);
  counted[problem === undefined ? "passed" : "failed"] += 1;
  console.log(`${problem === undefined ? "ok    " : "FAILED"} ${promise} (${seconds} s)`);
  if (problem !== undefined) {
    console.log(`       ${String(problem.stack ?? problem).replaceAll("\n", "\n       ")}`);
    for (const [index, one] of guests.entries()) {
      const complaints = one.complaints.flat().map((text) => `\n       ${text}`);
      console.log(`       guest ${index + 1}, see ${pictures}/failed-${index + 1}.png${complaints.join("")}`);
      await one.page.screenshot({ path: `${pictures}/failed-${index + 1}.png` }).catch(() => undefined);
    }
  }
  for (const one of [...guests, ...devices]) await one.close().catch(() => undefined);
}

try {
  const wanted = process.argv.slice(2).join(" ");
  for (const [promise, story] of Object.entries(stories)) {
    if (promise.includes(wanted)) await tell(promise, story);
  }
} finally {
  await browser.close();
  await house.close();
}
console.log(`pictures in ${pictures}`);
console.log(`${counted.passed} passed, ${counted.failed} failed`);
if (counted.passed === 0 || counted.failed > 0) process.exitCode = 1;
