/** The client as text, so that each process of a test gets one of its own, and parts can be taken out. */
import { build } from 'esbuild'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { createAuthClient } from '../../src/index.js'

/** A change to the client's source; `find` is there exactly once. */
export interface Change {
  file: string
  find: string
  replace: string
}

/** Starts the client anew: no state and no lock is shared with another one, and nothing global is there. */
export type Program = () => { createAuthClient: typeof createAuthClient }

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url))

/** Bundles the client with these changes; throws when one does not fit the source any more. */
export async function compile(changes: readonly Change[] = []): Promise<Program> {
  const left = new Set(changes)
  const { outputFiles } = await build({
    entryPoints: [`${SOURCE}index.ts`],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'client',
    target: 'es2022',
    logLevel: 'error',
    plugins: [{
      name: 'changes',
      setup({ onLoad }) {
        onLoad({ filter: /\.ts$/ }, async ({ path }) => {
          let text = await readFile(path, 'utf8')
          for (const change of changes.filter(({ file }) => file === basename(path))) {
            const found = text.split(change.find).length - 1
            if (found !== 1) throw new Error(`${change.file} has this ${found} times, not once:\n${change.find}`)
            text = text.replace(change.find, () => change.replace)
            left.delete(change)
          }
          return { contents: text, loader: 'ts' }
        })
      },
    }],
  })
  for (const { file } of left) throw new Error(`${file} is no part of the client`)
  const evaluate = new Function('globalThis', `${outputFiles[0]?.text}\nreturn client`)
  return () => evaluate({})
}
