// Everything the app needs, on this machine: the provider, the gateway, the API behind it, and the
// exported app as a page. `make app` starts it on fixed ports, the tests on free ones.

import { execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { startApi } from "./api.js";
import { startPage } from "./page.js";

const here = new URL("./", import.meta.url).pathname;

/** The ports of `gateway.toml`. */
export const PORTS = { page: 8300, provider: 8301, gateway: 8302, api: 8303, decisions: 8304 };

/**
 * Starts it all. `program` is the `menshen` to run and `folder` what `expo export` has made; `issuer`
 * is the address by which the provider is reached, where something stands in front of it.
 */
export async function openTeaHouse({ program, folder, ports = PORTS, issuer }) {
  const data = await mkdtemp(`${tmpdir()}/tea-house-`);
  const closing = [() => rm(data, { recursive: true, force: true })];
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    const run = (args, input) => runProgram(program, [...args, "--data", `${data}/provider`], data, input);
    const serve = ["serve", "--json", "--with-parent", "--log-level", "warn", "--listen", `127.0.0.1:${ports.provider}`];
    if (issuer !== undefined) serve.push("--issuer", issuer);
    const provider = await start(program, [...serve, "--data", `${data}/provider`], data);
    closing.push(provider.close);

    const api = await startApi(ports.api);
    closing.push(api.close);
    const page = await startPage(folder, ports.page);
    closing.push(page.close);

    const added = await run(["client", "add", "gateway", "--first-party", "--scope", "gateway revocations:read"]);
    const [, secret] = /client secret\s+(\S+)/.exec(added);
    const addresses = {
      page: page.url,
      provider: provider.told.issuer,
      gateway: `http://127.0.0.1:${ports.gateway || (await freePort())}`,
      api: api.url,
      decisions: `http://127.0.0.1:${ports.decisions || (await freePort())}`,
    };
    await writeFile(`${data}/gateway.toml`, moved(await readFile(`${here}gateway.toml`, "utf8"), addresses));
    const gateway = await start(program, ["gateway", "--json", "--rules", `${data}/gateway.toml`], data, {
      MENSHEN_GATEWAY_SECRET: secret,
    });
    closing.push(gateway.close);
    const settings = { issuer: addresses.provider, api: addresses.gateway, clientId: "tea-house" };
    page.settings = settings;
    return {
      ...settings, page, provider, gateway, close,
      addUser: (name, password, fullName) =>
        run(["user", "add", name, "--password-stdin", "--claim", `name=${fullName}`], password),
      addApp: (id, ...more) => run(["client", "add", id, ...registration(page.url), ...more]),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the provider knows of the app. */
export function registration(page) {
  return [
    "--public", "--first-party", "--name", "Tea House",
    "--redirect-uri", "com.example.teahouse:/callback", "--redirect-uri", `${page}/`,
    "--post-logout-redirect-uri", "com.example.teahouse:/goodbye", "--post-logout-redirect-uri", `${page}/`,
    "--scope", "openid profile offline_access account tea", "--audience", "tea-house-api",
    "--claim-map", '{"claim": "name", "from": "user.claims.name", "in": ["id_token", "userinfo"]}',
  ];
}

const SYLLABLES = "ba da fu ga hei ka lin ma mei nan ou pin qi ren shan tan wei xin yu zhou".split(" ");

/** A password that can be read out. */
export function readablePassword() {
  const word = () => [1, 2].map(() => SYLLABLES[randomInt(SYLLABLES.length)]).join("");
  return [word(), word(), word(), randomInt(10, 100)].join("-");
}

function moved(rules, addresses) {
  const names = Object.keys(PORTS);
  const marked = names.reduce((text, name) => text.replaceAll(`127.0.0.1:${PORTS[name]}`, `{${name}}`), rules);
  const host = (name) => new URL(addresses[name]).host;
  return names.reduce((text, name) => text.replaceAll(`{${name}}`, host(name)), marked);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

// A program that says on one line when it is ready. It ends with us, whatever becomes of us.
async function start(program, args, cwd, env = {}) {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: "pipe" });
  const log = [];
  createInterface({ input: child.stderr }).on("line", (line) => log.push(line));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const told = await new Promise((resolve, reject) => {
    child.once("error", reject);
    ended.then((code) => reject(new Error(`menshen ${args[0]} ended with ${code}\n${log.join("\n")}`)));
    createInterface({ input: child.stdout }).once("line", (line) => resolve(JSON.parse(line)));
  });
  const close = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return { told, log, ended, close };
}

function runProgram(program, args, cwd, input = "") {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { cwd }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`menshen ${args.slice(0, 3).join(" ")}\n${stderr}`));
    });
    child.stdin.end(input);
  });
}
