/** What is published works where it is installed: run after `npm run build`. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { minify } from 'terser'
import { describe, expect, test } from 'vitest'
import { INTERNAL } from '../client/internal.js'

const run = promisify(execFile)
const sdk = fileURLToPath(new URL('..', import.meta.url))
const dist = `${sdk}client/dist/`
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

/** In bytes, gzipped: the entry with all that it imports. */
const LIMITS = { index: 8_000, account: 1_800, browser: 1_600, fetch: 1_100, axios: 900, push: 1_400, 'storage-web': 900 }

test.each(Object.entries(LIMITS))('%s is below %i bytes, however it is measured', { timeout: 30_000 }, async (entry, limit) => {
  const bundle = async (isMinified: boolean) => {
    const { outputFiles: [file], metafile } = await build({
      entryPoints: [`${dist}${entry}.js`], bundle: true, write: false, format: 'esm', target: 'es2020', logLevel: 'error',
      metafile: true, minify: isMinified,
    })
    return { text: file?.text ?? '', files: Object.keys(metafile.inputs) }
  }
  const { text, files } = await bundle(false)
  const size = (code = '') => gzipSync(code, { level: 9 }).length
  const sizes = {
    // The parts share the core: only with a bundler's help do they load what they use of it.
    ...(entry === 'index' && { asPublished: size(files.map((path) => readFileSync(path, 'utf8')).join('')) }),
    byTerser: size((await minify(text, { module: true, ecma: 2020, compress: { passes: 3 } })).code),
    byEsbuild: size((await bundle(true)).text),
  }
  console.log(`${entry}, gzipped: ${JSON.stringify(sizes)}`)
  for (const bytes of Object.values(sizes)) expect(bytes).toBeLessThan(limit)
})

test('what is kept short in the core is no part of what anybody sees', () => {
  const seen = readdirSync(dist).filter((name) => /\.d\.c?ts$/.test(name)).map((name) => readFileSync(dist + name, 'utf8')).join('')
  const members = new Set([...seen.matchAll(/^\s*(?:readonly )?(\w+)\??[:(<]/gm)].map(([, name]) => name))
  expect(members).toContain('getAccessToken')
  expect(INTERNAL.filter((name) => members.has(name))).toEqual([])
})
