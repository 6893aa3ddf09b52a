// Walks through the pages of the real program as people do who sign in, look after their account
// and sign out: in both languages, on a phone in the dark without scripts and at a desk by day
// with them. One line for each promise. Arguments choose walks by the names of their views.

import { mkdir } from "node:fs/promises";
import { launch, LANGUAGES } from "./browser.js";
import { chapters } from "./chapters.js";
import { App, openPlace } from "./place.js";
import { Visitor } from "./visitor.js";

const root = new URL("../../", import.meta.url).pathname;
const pictures = `${root}target/browser/walk`;

const WAYS = [
  { name: "phone", scheme: "dark", width: 375, javaScriptEnabled: false },
  { name: "desk", scheme: "light", width: 1280, javaScriptEnabled: true },
];

const counted = { passed: 0, failed: 0 };

// A promise is kept when nothing is thrown and no page on the way was unfit.
function promises(label, visitors) {
  return async (text, keep) => {
    let findings = [];
    try {
      await keep();
    } catch (error) {
      findings = [String(error.stack ?? error)];
    }
    findings.push(...visitors.flatMap((visitor) => visitor.findings()));
    const kept = findings.length === 0;
    counted[kept ? "passed" : "failed"] += 1;
    console.log(`${kept ? "ok    " : "FAILED"} ${label}: ${text}`);
    for (const finding of findings) console.log(`       ${finding.replaceAll("\n", "\n       ")}`);
  };
}

async function walk(browser, place, app, language, way) {
  const { name, scheme, width, javaScriptEnabled } = way;
  const label = `${language}-${name}`;
  const visitors = [];
  const visitor = async (who) => {
    const options = { pictures: `${pictures}/${label}-${who}`, javaScriptEnabled };
    const opened = await Visitor.open(browser, { language, scheme, width }, options);
    visitors.push(opened);
    return opened;
  };
  const people = { ada: `ada-${label}`, bo: `bo-${label}`, password: "correct horse battery" };
  await place.addUser(people.ada, people.password, { name: "Ada Lovelace", email: "ada@example.com" });
  await place.addUser(people.bo, people.password, { name: "Bo Li", email: "bo@example.com" });
  const world = { place, issuer: place.issuer, app, visitor, people };
  for (const chapter of chapters) await chapter(world, promises(label, visitors));
  for (const opened of visitors) await opened.close();
}

function chosen({ language, way }) {
  const wanted = process.argv.slice(2);
  return wanted.length === 0 || wanted.includes(`${language}-${way.name}`);
}

await mkdir(pictures, { recursive: true });
const place = await openPlace();
const app = new App("tea-house");
const browser = await launch();
try {
  await app.open();
  const addresses = ["--redirect-uri", app.callback, "--post-logout-redirect-uri", app.home];
  const scope = ["--scope", "openid profile email"];
  await place.addClient(app.id, "--public", "--name", "Tea House", ...addresses, ...scope);
  const grants = ["--grant-type", "device_code", "--grant-type", "refresh_token"];
  await place.addClient("tv", "--public", "--name", "Television", ...grants, "--scope", "openid profile");
  const walks = LANGUAGES.flatMap((language) => WAYS.map((way) => ({ language, way })));
  for (const { language, way } of walks.filter(chosen)) {
    await walk(browser, place, app, language, way);
  }
} catch (error) {
  counted.failed += 1;
  console.log(`FAILED ${error.stack ?? error}\n${place.log.slice(-20).join("\n")}`);
} finally {
  await browser.close();
  app.close();
  await place.close();
}
console.log(`pictures in ${pictures}`);
console.log(`${counted.passed} passed, ${counted.failed} failed`);
if (counted.passed === 0 || counted.failed > 0) process.exitCode = 1;
