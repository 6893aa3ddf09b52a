/** Hermes, which no host can run here, compiles the client, and knows every name that it uses. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { expect, onTestFinished, test } from 'vitest'

const run = promisify(execFile)
const sdk = fileURLToPath(new URL('..', import.meta.url))
const HERMESC = `${sdk}node_modules/hermes-compiler/hermesc/${
  { linux: 'linux64-bin/hermesc', darwin: 'osx-bin/hermesc', win32: 'win64-bin/hermesc.exe' }[process.platform as 'linux']}`

/** What React Native sets up before any app runs, and every other runtime has. */
const GIVEN = ['Promise']

async function warnings(source: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hermes-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'bundle.js'), source)
  // Only strict code is warned about names that nobody declared.
  const { stderr } = await run(HERMESC, ['-strict', '-emit-binary', '-out', join(folder, 'bundle.hbc'), join(folder, 'bundle.js')])
  return stderr.split('\n').filter((line) => line.includes('warning:')).map((line) => line.replace(/^.*warning: /, ''))
}

test.each(['index', 'account', 'browser', 'fetch', 'axios', 'push'])('%s uses no global that was not looked for', async (entry) => {
  const { outputFiles } = await build({
    entryPoints: [`${sdk}client/src/${entry}.ts`], bundle: true, write: false, format: 'iife', globalName: 'client',
    // What React Native's Babel preset makes of it, as far as Hermes needs it.
    target: 'es2018', banner: { js: '"use strict";' }, supported: { 'async-await': true, 'class': true },
  })
  const found = await warnings(outputFiles[0]?.text ?? '')
  expect(found.filter((warning) => !GIVEN.some((name) => warning.includes(`"${name}"`)))).toEqual([])
})

test('a global that nobody declared is warned about', async () => {
  expect(await warnings('"use strict"; structuredClone({})')).toEqual([expect.stringContaining('structuredClone')])
})
