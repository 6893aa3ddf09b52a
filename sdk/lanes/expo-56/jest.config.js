const lane = require('../lane.cjs')

module.exports = lane({ preset: 'jest-expo' })
