// The real program on an empty folder, and an app whose people sign in there.

import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";

const root = new URL("../../", import.meta.url).pathname;
const target = process.env.CARGO_TARGET_DIR ?? `${root}target`;
const program = process.env.MENSHEN ?? `${target}/debug/menshen`;

// A server of ours, until `close`.
export async function openPlace(settings = {}) {
  const folder = await mkdtemp(`${tmpdir()}/menshen-walk-`);
  const data = `${folder}/data`;
  const env = { ...process.env, ...settings };
  const args = ["serve", "--json", "--with-parent", "--listen", "127.0.0.1:0", "--data", data];
  const server = spawn(program, args, { cwd: folder, env, stdio: "pipe" });
  const log = [];
  createInterface({ input: server.stderr }).on("line", (line) => log.push(line));
  const ended = new Promise((resolve) => server.once("exit", resolve));
  const { issuer } = await new Promise((resolve, reject) => {
    server.once("error", reject);
    ended.then((code) => reject(new Error(`the server ended with ${code}\n${log.join("\n")}`)));
    createInterface({ input: server.stdout }).once("line", (line) => resolve(JSON.parse(line)));
  });
  return {
    issuer,
    log,
    addUser: (name, password, claims) => {
      const given = Object.entries(claims).flatMap(([key, value]) => ["--claim", `${key}=${value}`]);
      return run(folder, ["user", "add", name, "--password-stdin", ...given, "--data", data], password);
    },
    addClient: (id, ...given) => run(folder, ["client", "add", id, ...given, "--data", data]),
    close: async () => {
      server.stdin.end();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

function run(cwd, args, input = "") {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { cwd }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`menshen ${args.join(" ")}\n${stderr}`));
    });
    child.stdin.end(input);
  });
}

// An app that runs on this machine: authorization code with PKCE (RFC 7636).
export class App {
  #verifiers = new Map();
  #server;

  constructor(id) {
    this.id = id;
    this.#server = createServer((request, response) => {
      const name = request.url.startsWith("/callback") ? "Back in the app" : "The app";
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      response.end(`<!doctype html><html lang="en"><title>${name}</title><main><h1>${name}</h1></main>`);
    });
  }

  async open() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.home = `http://127.0.0.1:${this.#server.address().port}/`;
    this.callback = `${this.home}callback`;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  // Where a browser is sent that shall sign in.
  begin(issuer, further = {}) {
    const verifier = randomBytes(32).toString("base64url");
    const state = randomBytes(12).toString("base64url");
    this.#verifiers.set(state, verifier);
    return `${issuer}/authorize?${new URLSearchParams({
      response_type: "code",
      client_id: this.id,
      redirect_uri: this.callback,
      scope: "openid profile email",
      state,
      nonce: state,
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
      ...further,
    })}`;
  }

  // What the app makes of the address at which the browser has arrived.
  async finish(issuer, address) {
    if (!address.startsWith(this.callback)) throw new Error(`not in the app, but at ${address}`);
    const answer = new URL(address).searchParams;
    const verifier = this.#verifiers.get(answer.get("state"));
    if (verifier === undefined) throw new Error("the state is not ours");
    if (answer.get("iss") !== issuer) throw new Error(`the answer is from ${answer.get("iss")}`);
    if (answer.has("error")) return { error: answer.get("error") };
    const tokens = await this.ask(issuer, {
      grant_type: "authorization_code",
      code: answer.get("code"),
      redirect_uri: this.callback,
      code_verifier: verifier,
    });
    if (tokens.id_token === undefined) throw new Error(`no tokens: ${JSON.stringify(tokens)}`);
    return { ...tokens, person: await personOf(issuer, tokens.access_token) };
  }

  // The answer of the token endpoint, whatever it is.
  ask(issuer, form) {
    return post(`${issuer}/token`, { client_id: this.id, ...form });
  }
}

// What /userinfo says, or the status with which it refuses.
export async function personOf(issuer, token) {
  const response = await fetch(`${issuer}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
  return response.ok ? response.json() : response.status;
}

export async function post(address, form) {
  const response = await fetch(address, { method: "POST", body: new URLSearchParams(form) });
  return response.json();
}
