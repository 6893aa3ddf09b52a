// Compiles the example's bundles for Android and iOS as Hermes does, in strict mode, where it warns of
// each name that nobody declares; and knows which of them a phone has. What Hermes cannot do here is
// run.

import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { promisify } from "node:util";

// What Hermes, React Native and Expo set up before an app runs.
const GIVEN = new Set([
  ..."Promise console setTimeout clearTimeout clearImmediate requestAnimationFrame performance".split(" "),
  ..."fetch Headers Request FormData Blob FileReader URL URLSearchParams XMLHttpRequest WebSocket".split(" "),
  ..."AbortSignal TextEncoder TextDecoder ReadableStream TransformStream DOMException atob btoa".split(" "),
  ..."ErrorUtils nativeFabricUIManager nativePerformanceNow regeneratorRuntime require __d __r".split(" "),
]);
// What React Native and its packages ask for only where it is.
const LOOKED_FOR = new Set(["Image"]);

const run = promisify(execFile);
const [exported] = process.argv.slice(2);
const app = createRequire(new URL("../../examples/react-native/package.json", import.meta.url));
const compilers = { linux: "linux64-bin/hermesc", darwin: "osx-bin/hermesc" };
const compiler = join(dirname(app.resolve("hermes-compiler/package.json")), "hermesc", compilers[process.platform]);

for (const platform of ["android", "ios"]) {
  const folder = join(exported, "_expo/static/js", platform);
  const [name] = (await readdir(folder)).filter((file) => file.endsWith(".js"));
  const found = await undeclared(join(folder, name));
  if (!found.includes("console")) throw new Error("Hermes warns of nothing, not even of what every app uses");
  const unknown = found.filter((used) => !GIVEN.has(used) && !LOOKED_FOR.has(used));
  console.log(`${unknown.length === 0 ? "ok    " : "FAILED"} Hermes compiles the app for ${platform}, and knows every name`);
  if (unknown.length > 0) {
    console.log(`       nobody declares ${unknown.join(", ")}`);
    process.exitCode = 1;
  }
}

async function undeclared(bundle) {
  const folder = await mkdtemp(join(tmpdir(), "hermes-"));
  try {
    const strict = join(folder, "strict.js");
    await writeFile(strict, `"use strict";\n${await readFile(bundle, "utf8")}`);
    const output = ["-emit-binary", "-out", join(folder, "strict.hbc")];
    const { stderr } = await run(compiler, ["-strict", ...output, strict], { maxBuffer: 1 << 26 });
    return [...new Set([...stderr.matchAll(/variable "([^"]+)" was not declared/g)].map(([, used]) => used))];
  } finally {
    await rm(folder, { recursive: true });
  }
}
