const lane = require('../lane.cjs')

module.exports = lane({
  preset: '@react-native/jest-preset',
  testPathIgnorePatterns: ['/tests/expo/'],
  transformIgnorePatterns: ['node_modules/(?!(@react-native|react-native|react-native-[a-z-]+)/)'],
})
