// A device that can be killed: a Chromium of its own, as a process with a folder.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { FLAGS } from "../browser.js";
import { Guest } from "./guest.js";

export class Device {
  #folder;
  #process;
  #browser;

  constructor(house) {
    this.house = house;
  }

  /** Starts the browser, and the app in it, with what it has kept. */
  async start() {
    this.#folder ??= await mkdtemp(`${tmpdir()}/tea-house-device-`);
    const program = process.env.CHROMIUM ?? "/usr/bin/chromium";
    const flags = ["--headless", "--remote-debugging-port=0", "--window-size=375,760", "--lang=en"];
    this.#process = spawn(program, [...FLAGS, ...flags, `--user-data-dir=${this.#folder}`], {
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    const address = await new Promise((resolve, reject) => {
      this.#process.once("exit", (code) => reject(new Error(`Chromium ended with ${code}`)));
      createInterface({ input: this.#process.stderr }).on("line", (line) => {
        const found = /DevTools listening on (\S+)/.exec(line);
        if (found) resolve(found[1]);
      });
    });
    this.#browser = await chromium.connectOverCDP(address);
    return Guest.with(this.#browser.contexts()[0], this.house);
  }

  /** Every process of the browser is gone at once, without a goodbye. */
  async kill() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    process.kill(-this.#process.pid, "SIGKILL");
    await ended;
    await this.#browser.close().catch(() => undefined);
  }

  async close() {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) await this.kill();
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
