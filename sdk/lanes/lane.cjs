/**
 * What the lanes have in common: the suites of the packages, run with one set of versions against what
 * is built in `dist`, and against a real server.
 */
const { join } = require('node:path')

const sdk = join(__dirname, '..')
const suites = ['react', 'react-native', 'testing'].map((name) => join(sdk, name, 'tests'))

/** @param {import('jest').Config} more What is this lane's own. */
module.exports = (more) => ({
  roots: suites,
  testMatch: ['**/*.test.{ts,tsx}'],
  // Whatever the suites import, this lane has installed.
  modulePaths: ['<rootDir>/node_modules'],
  moduleNameMapper: {
    '^@menshen/testing/jest$': join(sdk, 'testing/dist/jest.cjs'),
    '^@menshen/client/(.+)$': join(sdk, 'client/dist/$1.cjs'),
    '^@menshen/([a-z-]+)$': join(sdk, '$1/dist/index.cjs'),
    '^react$': '<rootDir>/node_modules/react',
    '^react/(.+)$': '<rootDir>/node_modules/react/$1',
    ...more.moduleNameMapper,
  },
  globalSetup: join(__dirname, 'server.cjs'),
  globalTeardown: join(__dirname, 'server-stop.cjs'),
  testEnvironment: join(__dirname, 'environment.cjs'),
  setupFiles: [join(sdk, 'testing/dist/jest.cjs')],
  testTimeout: 60_000,
  ...more,
})
