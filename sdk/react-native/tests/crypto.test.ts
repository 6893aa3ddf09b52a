/** Randomness and hashes of the phone; and stand-ins that make up nothing are refused. */
import * as nodeCrypto from 'node:crypto'
import { expect, test } from '@jest/globals'
import { expoCrypto, quickCrypto } from '@menshen/react-native'
import { fakeExpoCrypto } from '@menshen/testing'

const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'

test.each([
  ['expoCrypto', () => expoCrypto(fakeExpoCrypto())],
  ['quickCrypto', () => quickCrypto(nodeCrypto)],
])('%s hashes as RFC 7636 does, and never repeats itself', async (_, make) => {
  const crypto = make()
  const hash = await crypto.sha256(VERIFIER)
  expect(Buffer.from(hash).toString('base64url')).toBe('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')
  expect(crypto.randomBytes(32)).toHaveLength(32)
  expect(crypto.randomBytes(32)).not.toEqual(crypto.randomBytes(32))
})

test.each([
  ['nothing', () => undefined],
  ['too little', () => new Uint8Array(8)],
  ['zeros', (count: number) => new Uint8Array(count)],
])('%s is no randomness', (_, getRandomBytes) => {
  const crypto = expoCrypto({ ...fakeExpoCrypto(), getRandomBytes: getRandomBytes as never })
  expect(() => crypto.randomBytes(32)).toThrow(expect.objectContaining({ code: 'config' }))
})

test('an empty hash is no hash', async () => {
  const crypto = expoCrypto({ ...fakeExpoCrypto(), digestStringAsync: async () => '' })
  await expect(crypto.sha256(VERIFIER)).rejects.toMatchObject({ code: 'config' })
})

test('what is not the module is refused', () => {
  expect(() => expoCrypto({ default: fakeExpoCrypto() } as never)).toThrow('import * as Crypto')
  expect(() => quickCrypto({} as never)).toThrow('react-native-quick-crypto')
})
