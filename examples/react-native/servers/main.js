// `make app`: starts everything, says what to open and who can sign in, and stops with Ctrl-C.

import { openTeaHouse, PORTS, readablePassword } from "./tea-house.js";

const [program, folder] = process.argv.slice(2);
const house = await openTeaHouse({ program, folder }).catch((error) => {
  const taken = error.code === "EADDRINUSE" || /address.*in use/i.test(error.message);
  const why = taken ? `ports ${Object.values(PORTS).join(", ")} must be free: ` : "";
  console.error(`${why}${error.message}`);
  process.exit(1);
});
const password = readablePassword();
await house.addUser("ada", password, "Ada Lovelace");
await house.addApp("tea-house");

console.log(`
  The tea house is open. Everything is new with each start, and gone with Ctrl-C.

    app       ${house.page.url}
    sign in   ada
    password  ${password}

    account   ${house.issuer}/account   sign out the app from here, and see it leave
    gateway   ${house.api}/tea       401 without an access token

  On a phone or a simulator: npx expo start in examples/react-native (see its README).
`);

const stop = async () => {
  process.off("SIGINT", stop).off("SIGTERM", stop);
  await house.close();
  console.log("\n  Closed.");
};
process.on("SIGINT", stop).on("SIGTERM", stop);
const gone = await Promise.race([house.provider.ended, house.gateway.ended]);
if (process.listenerCount("SIGINT") > 0) {
  console.error(`a server has ended with ${gone}\n${[...house.provider.log, ...house.gateway.log].slice(-10).join("\n")}`);
  await house.close();
  process.exitCode = 1;
}
