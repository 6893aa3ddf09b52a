// The tea house of the example on free ports, with a proxy before the provider that loses what it is
// told to lose. The proxy is that of the client's own tests.

import { createRequire } from "node:module";
import { openTeaHouse } from "../../../examples/react-native/servers/tea-house.js";

const root = new URL("../../../", import.meta.url).pathname;
const program = process.env.MENSHEN;
if (!program) throw new Error("MENSHEN names the server's program; scripts/browser app sets it");
const PORTS = { page: 0, provider: 0, gateway: 0, api: 0, decisions: 0 };

export const PASSWORD = "correct horse battery";

export async function openHouse() {
  const { startProxy } = await load("sdk/client/tests/harness/proxy.ts");
  const proxy = await startProxy("http://127.0.0.1:9");
  const folder = `${root}examples/react-native/dist`;
  const house = await openTeaHouse({ program, folder, ports: PORTS, issuer: proxy.url });
  proxy.target = `http://${house.provider.told.address}`;
  await house.addApp("tea-house");
  let people = 0;
  return {
    ...house,
    proxy,
    /** Somebody of whom nothing is left over from another story. */
    async newPerson() {
      people += 1;
      const name = `ada-${people}`;
      await house.addUser(name, PASSWORD, "Ada Lovelace");
      return name;
    },
    async close() {
      await house.close();
      await proxy.stop();
    },
  };
}

// TypeScript, as Node 20 cannot read it.
async function load(file) {
  const { build } = createRequire(`${root}sdk/package.json`)("esbuild");
  const { outputFiles } = await build({
    entryPoints: [`${root}${file}`], bundle: true, platform: "node", format: "esm", write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
