import { defineConfig } from 'tsup'

const both = { target: 'es2020', dts: true } as const

export default defineConfig([
  { ...both, entry: ['src/index.ts'], format: ['esm', 'cjs'] },
  // Where mocks are set up, jest knows CommonJS.
  { ...both, entry: ['src/jest.ts'], format: ['cjs'] },
])
