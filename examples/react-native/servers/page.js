// The exported app as files, and where its servers are.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { close } from "./api.js";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

/** Serves `folder`; `settings` may be changed for pages that are loaded later. */
export async function startPage(folder, port) {
  const page = { settings: {} };
  const server = createServer(async (request, response) => {
    let path;
    try {
      path = normalize(decodeURIComponent(new URL(request.url, "http://page").pathname));
    } catch {
      response.writeHead(400, { "content-type": "text/plain" });
      response.end("no address\n");
      return;
    }
    const name = path === "/" ? "/index.html" : path;
    try {
      let body = await readFile(join(folder, name));
      const html = name === "/index.html";
      if (html) body = told(body.toString(), page.settings);
      response.writeHead(200, headersOf(name, html ? page.settings : undefined));
      response.end(body);
    } catch {
      response.writeHead(404, { "content-type": "text/plain" });
      response.end("nothing here\n");
    }
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return Object.assign(page, {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => close(server),
  });
}

function told(html, settings) {
  const json = JSON.stringify(settings).replaceAll("<", "\\u003c");
  return html.replace(/(<script id="settings"[^>]*>)[^<]*/, (_, tag) => tag + json);
}

// No script but the app's own, and no server but those it knows: tokens can be sent nowhere else.
function headersOf(name, settings) {
  const headers = { "content-type": TYPES[extname(name)] ?? "application/octet-stream", "x-content-type-options": "nosniff" };
  if (settings === undefined) return { ...headers, "cache-control": "max-age=3600" };
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    `connect-src 'self' ${settings.issuer ?? ""} ${settings.api ?? ""}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { ...headers, "cache-control": "no-store", "content-security-policy": policy.join("; ") };
}
