import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** Tests run against the sources: nothing has to be built first. */
const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  // A machine that is busy is no failure.
  test: { testTimeout: 60_000 },
  resolve: {
    alias: [
      { find: /^@menshen\/client$/, replacement: source('client/src/index.ts') },
      { find: /^@menshen\/client\/(.+)$/, replacement: `${source('client/src')}/$1.ts` },
      { find: /^@menshen\/(react|react-native|testing)$/, replacement: `${source('.')}/$1/src/index.ts` },
    ],
  },
})
