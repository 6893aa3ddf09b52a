import { defineConfig } from 'tsup'
import { INTERNAL } from './internal.js'

const ENTRIES = ['index', 'account', 'browser', 'storage-web', 'push', 'fetch', 'axios'].map((name) => `src/${name}.ts`)

export default defineConfig({
  entry: ['src/core.ts', ...ENTRIES],
  format: ['esm', 'cjs'],
  target: 'es2020',
  dts: { entry: ENTRIES },
  clean: true,
  sourcemap: true,
  minify: 'terser',
  terserOptions: { ecma: 2020, compress: { passes: 3 }, format: { wrap_func_args: false } },
  esbuildOptions(options) {
    options.mangleProps = new RegExp(`^(${INTERNAL.join('|')})$`)
  },
  esbuildPlugins: [{
    name: 'one core for all entries',
    setup({ initialOptions, onResolve }) {
      const path = `./core${initialOptions.outExtension?.['.js'] ?? '.js'}`
      onResolve({ filter: /^\.\/core\.js$/ }, () => ({ path, external: true }))
    },
  }],
})
