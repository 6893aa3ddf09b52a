/** What is published works where it is installed: run after `npm run build`. */
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { minify } from 'terser'
import { describe, expect, test } from 'vitest'

const run = promisify(execFile)
const sdk = fileURLToPath(new URL('..', import.meta.url))
const PACKAGES = ['client', 'react', 'react-native', 'testing'].filter((name) => existsSync(`${sdk}${name}/dist`))

describe.each(PACKAGES)('%s', (name) => {
  test('is packed as publint has it', async () => {
    const pkg = JSON.parse(readFileSync(`${sdk}${name}/package.json`, 'utf8'))
    const { messages } = await publint({ pkgDir: `${sdk}${name}`, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
  })

  test('has the right types for whoever imports or requires it', { timeout: 60_000 }, async () => {
    // Node 10 cannot see subpaths at all.
    await run('npx', ['--no-install', 'attw', '--pack', name, '--profile', 'node16', '--format', 'ascii'], { cwd: sdk })
  })
})

/** In bytes, gzipped, as Metro minifies it. */
const LIMITS = { index: 8_000, account: 1_800, browser: 1_600, fetch: 1_200, axios: 1_100, push: 2_100, 'storage-web': 900 }

test.each(Object.entries(LIMITS))('%s is at most %i bytes', { timeout: 30_000 }, async (entry, limit) => {
  const bundle = await build({
    entryPoints: [`${sdk}client/dist/${entry}.js`], bundle: true, write: false, format: 'esm', target: 'es2020', logLevel: 'error',
  })
  const { code = '' } = await minify(bundle.outputFiles[0]?.text ?? '', { module: true, ecma: 2020, compress: { passes: 3 } })
  const size = gzipSync(code, { level: 9 }).length
  console.log(`${entry}: ${size} bytes gzipped`)
  expect(size).toBeLessThanOrEqual(limit)
})
