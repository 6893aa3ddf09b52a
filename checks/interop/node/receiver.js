// The end of a client that is told of logouts (OpenID Connect Back-Channel Logout 1.0).

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { setTimeout } from "node:timers/promises";
import { createRemoteJWKSet, jwtVerify } from "jose";

const LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout";

export class Receiver {
  #server;
  #tokens = [];

  static async listen() {
    const receiver = new Receiver();
    const file = (name) => readFileSync(`${process.env.INTEROP_FOLDER}/${name}`);
    const [cert, key] = [file("server.pem"), file("server.key")];
    receiver.#server = createServer({ cert, key }, (request, response) => {
      receiver.#take(request).then(() => response.writeHead(204).end());
    });
    receiver.#server.listen(0, "127.0.0.1").unref();
    await once(receiver.#server, "listening");
    return receiver;
  }

  get url() {
    return `https://localhost:${this.#server.address().port}/logged-out`;
  }

  // The claims of the next logout token, which must be good.
  async nextLogout({ issuer, jwks_uri }, audience) {
    const deadline = Date.now() + 20_000;
    while (this.#tokens.length === 0) {
      if (Date.now() > deadline) throw new Error("nobody told us of the logout");
      await setTimeout(20);
    }
    const keys = createRemoteJWKSet(new URL(jwks_uri));
    const checks = { issuer, audience, typ: "logout+jwt", requiredClaims: ["jti", "exp"] };
    const { payload } = await jwtVerify(this.#tokens.shift(), keys, checks);
    if (!(LOGOUT_EVENT in payload.events)) throw new Error("it is no logout token");
    return payload;
  }

  async #take(request) {
    let body = "";
    for await (const chunk of request) body += chunk;
    this.#tokens.push(new URLSearchParams(body).get("logout_token"));
  }
}
