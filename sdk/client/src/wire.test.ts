/** Forms, addresses and answers, and which error an answer is. */
import { describe, expect, test } from 'vitest'
import { openClock } from './clock.js'
import type { AuthError } from './errors.js'
import { encode, failure, isSafeAddress, objectOf, openWire } from './wire.js'

const clock = openClock(globalThis, () => Date.now())

test('a form keeps every character of its values, and leaves out what is not given', () => {
  const form = encode({ token: 'a+b/c==&d', scope: 'openid profile', nothing: undefined })
  expect(form).toBe('token=a%2Bb%2Fc%3D%3D%26d&scope=openid%20profile')
  expect(new URLSearchParams(form).get('token')).toBe('a+b/c==&d')
})

describe('an answer means', () => {
  test.each<[number, unknown, AuthError['code']]>([
    [400, { error: 'invalid_grant' }, 'invalid_grant'],
    [400, { error: 'invalid_grant', reason: 'admin' }, 'session_revoked'],
    [400, { error: 'invalid_grant', reason: 7 }, 'invalid_grant'],
    [401, { error: 'invalid_client' }, 'config'],
    [400, { error: 'access_denied' }, 'invalid_grant'],
    [403, { error: 'insufficient_authorization', auth_session: 's', methods: ['otp'] }, 'insufficient_authorization'],
    [429, { error: 'invalid_grant' }, 'rate_limited'],
    [400, { error: 'slow_down' }, 'rate_limited'],
    [503, { error: 'invalid_grant' }, 'server'],
    [408, { error: 'invalid_grant' }, 'server'],
    [400, { error: 'temporarily_unavailable' }, 'server'],
    [400, { error: ['invalid_grant'] }, 'server'],
    [400, { error: 'constructor' }, 'config'],
    [400, [], 'server'],
    [400, 'invalid_grant', 'server'],
    [200, null, 'server'],
    [401, { code: 'invalid-token' }, 'invalid_grant'],
    [403, { code: 'insufficient-scope' }, 'config'],
  ])('%i %j: %s', (status, body, code) => {
    expect(failure({ status, body: objectOf(JSON.stringify(body)) }).code).toBe(code)
  })

  test('a challenge is read as far as it is one', () => {
    const challenge = (body: Record<string, unknown>) =>
      failure({ status: 403, body: { error: 'insufficient_authorization', ...body } }).challenge
    expect(challenge({ auth_session: 's', methods: ['otp'] })).toEqual({ authSession: 's', methods: ['otp'] })
    expect(challenge({ auth_session: 's', methods: 'otp' })).toEqual({ authSession: 's', methods: [] })
    expect(challenge({ auth_session: 7 })).toBeUndefined()
  })
})

describe('Retry-After', () => {
  const ask = async (retryAfter: string | null) => {
    const answer = { status: 503, headers: { get: () => retryAfter }, text: async () => '' }
    return (await openWire(async () => answer, clock, 1000)('GET', 'https://id.example/')).retryAfterMs
  }
  test.each([
    ['2', 2_000],
    ['0', undefined],
    ['86400', 3_600_000],
    ['99999999999999999999', 3_600_000],
    ['-1', undefined],
    ['soon', undefined],
    [null, undefined],
    ['Wed, 21 Oct 2015 07:28:30 GMT', undefined],
  ])('%s is %s ms', async (value, ms) => expect(await ask(value)).toBe(ms))
})

test.each([
  ['https://id.example', true],
  ['http://localhost:8080', true],
  ['http://127.0.0.1:8080/x', true],
  ['http://[::1]:8080', true],
  ['http://10.0.2.2:8080', true],
  ['http://id.example', false],
  ['http://localhost.evil.example', false],
  ['http://127.0.0.1.evil.example', false],
  ['http://localhost@evil.example', false],
  ['javascript:alert(1)', false],
])('whether nobody can read along at %s: %s', (address, isSafe) => expect(isSafeAddress(address)).toBe(isSafe))

test('a transport that never answers, and ignores its signal, is left behind', async () => {
  const ask = openWire(() => new Promise(() => undefined), clock, 100)
  await expect(ask('GET', 'https://id.example/')).rejects.toMatchObject({ code: 'timeout', retryable: true })
})

test('what a transport throws becomes an error without anything of the request in it', async () => {
  const ask = openWire(() => { throw new Error('offline') }, clock, 100)
  const error = await ask('POST', 'https://id.example/', { token: 'secret' }).catch((thrown: AuthError) => thrown)
  expect(error).toMatchObject({ code: 'network', message: 'the server could not be reached' })
  expect(JSON.stringify(error)).not.toContain('secret')
})

test('tokens go without cookies, and follow no redirect', async () => {
  let sent: unknown
  const ask = openWire(async (_, init) => {
    sent = init
    return { status: 200, headers: { get: () => undefined }, text: async () => '{}' }
  }, clock, 100)
  await ask('POST', 'https://id.example/', { token: 'secret' })
  expect(sent).toMatchObject({ credentials: 'omit', redirect: 'error', body: 'token=secret' })
})
