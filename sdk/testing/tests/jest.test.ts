/** The set-up for jest: what is written is there to be read, and to be looked at. */
import { beforeEach, expect, jest, test } from '@jest/globals'
import { device } from '@menshen/testing/jest'

beforeEach(() => device.clear())

test('expo-secure-store stores', async () => {
  const SecureStore = require('expo-secure-store')
  expect(await SecureStore.getItemAsync('a')).toBeNull()
  await SecureStore.setItemAsync('a', 'b')
  expect(SecureStore.getItem('a')).toBe('b')
  expect([...device.secureStore]).toEqual([['a', 'b']])
  await SecureStore.deleteItemAsync('a')
  expect(await SecureStore.getItemAsync('a')).toBeNull()
  await expect(SecureStore.setItemAsync('a:b', 'c')).rejects.toThrow('Invalid key')
})

test('react-native-keychain stores, by service', async () => {
  const Keychain = require('react-native-keychain')
  await Keychain.setGenericPassword('ada', 'secret', { service: 'a' })
  expect(await Keychain.getGenericPassword({ service: 'b' })).toBe(false)
  expect(await Keychain.getGenericPassword({ service: 'a' })).toMatchObject({ username: 'ada', password: 'secret' })
  expect(await Keychain.getAllGenericPasswordServices()).toEqual(['a'])
  await Keychain.resetGenericPassword({ service: 'a' })
  expect(device.keychain.size).toBe(0)
})

test('expo-crypto makes randomness and hashes', async () => {
  const Crypto = require('expo-crypto')
  expect(Crypto.getRandomBytes(16)).not.toEqual(Crypto.getRandomBytes(16))
  // The test vector of RFC 7636 appendix B.
  const { CryptoDigestAlgorithm: { SHA256 }, CryptoEncoding: { BASE64 } } = Crypto
  expect(await Crypto.digestStringAsync(SHA256, 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk', { encoding: BASE64 }))
    .toBe('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM=')
})

test('without the set-up, the modules would be other ones', () => {
  expect(jest.isMockFunction(require('expo-crypto').getRandomBytes)).toBe(false)
  expect(require('expo-secure-store').values).toBe(device.secureStore)
})
