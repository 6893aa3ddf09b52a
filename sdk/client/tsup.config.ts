import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/storage-web.ts', 'src/push.ts', 'src/fetch.ts', 'src/axios.ts'],
  format: ['esm', 'cjs'],
  target: 'es2020',
  dts: true,
  clean: true,
  treeshake: true,
})
