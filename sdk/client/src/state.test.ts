/** How long a token is good by a clock that may jump. */
import { expect, test } from 'vitest'
import { isGood } from './state.js'
import type { StoredSession } from './storage.js'

const MINUTE = 60_000
const YEAR = 365 * 24 * 60 * MINUTE
const NOW = 1_800_000_000_000
const session = (lifetimeMs = 10 * MINUTE) =>
  ({ accessObtainedAt: NOW, accessExpiresAt: NOW + lifetimeMs }) as StoredSession

test.each([
  ['just got', NOW, 0, true],
  ['good for as long as is asked', NOW + 9 * MINUTE, 30_000, true],
  ['not good for as long as is asked', NOW + 9.6 * MINUTE, 30_000, false],
  ['over', NOW + 10 * MINUTE, 0, false],
  ['on a phone that was set back a year', NOW - YEAR, 0, false],
  ['on a phone that was set forward a year', NOW + YEAR, 0, false],
  ['on a phone whose clock was corrected by seconds', NOW - 5_000, 0, true],
])('an access token %s', (_, now, minTtlMs, good) => expect(isGood(session(), now, minTtlMs)).toBe(good))

test('a token that lives for less than is asked is not renewed at every call', () => {
  expect(isGood(session(20_000), NOW + 1_000, 30_000)).toBe(true)
  expect(isGood(session(20_000), NOW + 11_000, 30_000)).toBe(false)
})
