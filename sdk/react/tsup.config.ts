import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  target: 'es2020',
  dts: true,
  clean: true,
  // Hooks and context live in the browser, also where a bundler knows of server components.
  banner: { js: '\'use client\';' },
})
