/** React Native's environment, and Node's own `fetch` beside it: React Native's speaks to native code. */
const { createRequire } = require('node:module')
const { join } = require('node:path')

const lane = createRequire(join(process.cwd(), 'package.json'))
const NativeEnvironment = lane('@react-native/jest-preset/jest/react-native-env.js')

module.exports = class extends NativeEnvironment {
  constructor(...given) {
    super(...given)
    this.global.nodeFetch = (...request) => fetch(...request)
  }
}
