// The tea house's API. It knows nothing of tokens: the gateway has checked them, and says in headers
// who asks. So nobody but the gateway may reach it.

import { createServer } from "node:http";

const TEAS = [
  {
    color: "#a9a04a",
    en: { name: "Longjing", from: "Hangzhou, Zhejiang", brew: "80 °C, 2 minutes" },
    zh: { name: "西湖龙井", from: "浙江杭州", brew: "80 °C，2 分钟" },
  },
  {
    color: "#b5651d",
    en: { name: "Da Hong Pao", from: "Wuyi Mountains, Fujian", brew: "95 °C, half a minute" },
    zh: { name: "大红袍", from: "福建武夷山", brew: "95 °C，半分钟" },
  },
  {
    color: "#7a2e12",
    en: { name: "Ripe Pu’er", from: "Menghai, Yunnan", brew: "100 °C, 20 seconds" },
    zh: { name: "熟普洱", from: "云南勐海", brew: "100 °C，20 秒" },
  },
  {
    color: "#c9a227",
    en: { name: "White Peony", from: "Fuding, Fujian", brew: "85 °C, 3 minutes" },
    zh: { name: "白牡丹", from: "福建福鼎", brew: "85 °C，3 分钟" },
  },
];

/** Starts the API at a port of this machine; 0 takes a free one. */
export async function startApi(port) {
  const cups = new Map();
  const server = createServer((request, response) => {
    const subject = request.headers["x-auth-subject"];
    const send = (status, body) => {
      response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
      response.end(JSON.stringify(body));
    };
    if (request.method !== "GET" || request.url !== "/tea") return send(404, { error: "no such tea" });
    if (subject === undefined) return send(500, { error: "the gateway says nothing" });
    const cup = (cups.get(subject) ?? 0) + 1;
    cups.set(subject, cup);
    const { color, en, zh } = TEAS[(cup - 1) % TEAS.length];
    const words = request.headers["accept-language"]?.startsWith("zh") ? zh : en;
    send(200, { cup, color, subject, ...words });
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => close(server) };
}

/** Ends a server, and whoever still holds a connection to it. */
export function close(server) {
  return new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
}
