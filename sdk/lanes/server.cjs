/** Starts the real server once for a lane; the suites find it by `MENSHEN_ISSUER`. */
const { buildSync } = require('esbuild')
const { mkdtempSync, rmSync } = require('node:fs')
const { tmpdir } = require('node:os')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')

const harness = join(__dirname, '../client/tests/harness/server.ts')

module.exports = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'menshen-lane-'))
  const outfile = join(folder, 'server.cjs')
  buildSync({
    entryPoints: [harness],
    outfile,
    bundle: true,
    platform: 'node',
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(harness)) },
    logLevel: 'error',
  })
  const server = await require(outfile).startServer()
  rmSync(folder, { recursive: true })
  await server.operator.addUser('ada')
  await server.operator.addApp('app', { scope: 'openid profile account offline_access' })
  process.env.MENSHEN_ISSUER = server.issuer
  globalThis.menshenServer = server
}
