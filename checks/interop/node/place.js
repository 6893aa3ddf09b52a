// The server under test, what is registered there, and how promises are told.

import { execFileSync } from "node:child_process";
import assert from "node:assert/strict";

const { INTEROP_MENSHEN, INTEROP_CONFIG } = process.env;

export const ISSUER = process.env.INTEROP_ISSUER;
export const USERNAME = "ada";
export const PASSWORD = process.env.INTEROP_PASSWORD;

// Registers a client as an operator does, and returns its secret, if it has one.
export function addClient(id, ...flags) {
  const arguments_ = ["client", "add", id, "--config", INTEROP_CONFIG, ...flags];
  const said = execFileSync(INTEROP_MENSHEN, arguments_, { encoding: "utf8" });
  return said.match(/client secret\s+(\S+)/)?.[1];
}

// Tells a story: a client and what it does. `kept` prints a promise that was kept; whatever throws
// breaks the next one, and ends the story.
export async function story(client, tell) {
  let last = "nothing";
  const kept = (promise) => {
    last = promise;
    console.log(`✓ ${client}: ${promise}`);
  };
  try {
    await tell(kept);
  } catch (error) {
    console.log(`✗ ${client}: after "${last}"`);
    console.log(error);
    process.exitCode = 1;
  }
}

// What must be refused, and with which code.
export async function isRefused(attempt, code) {
  const error = await attempt.then(
    (answer) => assert.fail(`it was answered: ${JSON.stringify(answer)}`),
    (error) => error,
  );
  const said = error.error ?? error.cause?.[0]?.parameters?.error ?? error.code;
  assert.equal(said, code, error);
}
