/** Whose ID tokens are believed. */
import { describe, expect, test } from 'vitest'
import { checkIdToken, claimsOf } from './id-token.js'

const encode = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
const CLAIMS = { iss: 'https://id.example', aud: 'app', sub: 'ada', nonce: 'n' }
const EXPECTED = { issuer: 'https://id.example', clientId: 'app', nonce: 'n' }

test('names of all scripts are read', () => {
  expect(claimsOf(encode({ sub: 'ada', name: '门神 🏮 Ædä' }))).toMatchObject({ name: '门神 🏮 Ædä' })
})

test.each([undefined, '', 'opaque', 'a.b', 'a.!!!.c', encode([]), encode(null), encode({}), encode({ sub: 7 }), 'e30.gA.c2ln'])(
  '%s says nothing of anybody', (token) => expect(claimsOf(token)).toBeUndefined(),
)

describe('an ID token is for this sign-in', () => {
  test.each([
    ['as it is', CLAIMS],
    ['with one audience in a list', { ...CLAIMS, aud: ['app'] }],
    ['with others, and this app as the one that asked', { ...CLAIMS, aud: ['app', 'api'], azp: 'app' }],
  ])('%s', (_, claims) => expect(() => checkIdToken(encode(claims), EXPECTED)).not.toThrow())
})

describe('an ID token is refused', () => {
  test.each([
    ['of another issuer', { ...CLAIMS, iss: 'https://evil.example' }],
    ['of nobody', { ...CLAIMS, iss: undefined }],
    ['for another app', { ...CLAIMS, aud: 'other' }],
    ['for an app whose name begins alike', { ...CLAIMS, aud: 'app2' }],
    ['for no app', { ...CLAIMS, aud: undefined }],
    ['that another app asked for', { ...CLAIMS, aud: ['app', 'api'], azp: 'api' }],
    ['for many, without saying who asked', { ...CLAIMS, aud: ['app', 'api'] }],
    ['of another request', { ...CLAIMS, nonce: 'other' }],
    ['without nonce', { ...CLAIMS, nonce: undefined }],
    ['without subject', { ...CLAIMS, sub: undefined }],
  ])('%s', (_, claims) => {
    expect(() => checkIdToken(encode(claims), EXPECTED)).toThrow(expect.objectContaining({ code: 'config' }))
  })
  test('of another user than before', () => {
    expect(() => checkIdToken(encode(CLAIMS), { ...EXPECTED, subject: 'bob' })).toThrow()
  })
})
