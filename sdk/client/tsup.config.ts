import { defineConfig } from 'tsup'

const ENTRIES = ['index', 'account', 'browser', 'storage-web', 'push', 'fetch', 'axios'].map((name) => `src/${name}.ts`)

export default defineConfig({
  entry: ['src/core.ts', ...ENTRIES],
  format: ['esm', 'cjs'],
  target: 'es2020',
  dts: { entry: ENTRIES },
  clean: true,
  esbuildPlugins: [{
    name: 'one core for all entries',
    setup({ initialOptions, onResolve }) {
      const path = `./core${initialOptions.outExtension?.['.js'] ?? '.js'}`
      onResolve({ filter: /^\.\/core\.js$/ }, () => ({ path, external: true }))
    },
  }],
})
