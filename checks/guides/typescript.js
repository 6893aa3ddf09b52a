// Type-checks the TypeScript of a guide as it is printed, in an app that has the packages it names: each
// block whose first line is `// src/...` becomes that file.
//
//     node checks/guides/typescript.js docs/guide/react-native.md examples/react-native

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const [guide, app] = process.argv.slice(2).map((path) => resolve(path))
const blocks = [...readFileSync(guide, 'utf8').matchAll(/```tsx?\n(\/\/ (src\/\S+)\n[^]*?)```/g)]
if (blocks.length < 3) throw new Error(`found only ${blocks.length} files in ${guide}`)

const folder = mkdtempSync(join(tmpdir(), 'menshen-guide-'))
try {
  symlinkSync(join(app, 'node_modules'), join(folder, 'node_modules'))
  for (const [, text, path] of blocks) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
    extends: 'expo/tsconfig.base',
    compilerOptions: {
      strict: true,
      noEmit: true,
      preserveSymlinks: true,
      // The app itself does without axios.
      paths: { axios: [resolve(app, '../../sdk/node_modules/axios')] },
    },
    include: ['src'],
  }))
  const { status, stdout } = spawnSync(join(app, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' })
  process.stdout.write(stdout)
  if (status !== 0) throw new Error(`the code in ${guide} does not type-check`)
  console.log(`✓ the ${blocks.length} files in ${guide.split('/').pop()} type-check`)
} finally {
  rmSync(folder, { recursive: true })
}
