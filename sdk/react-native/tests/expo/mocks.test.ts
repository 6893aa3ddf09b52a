/** What Expo's own mocks do to a test, and that it does not go unseen. Only in lanes with Expo. */
import { expect, jest, test } from '@jest/globals'
import { expoCrypto, netInfo, secureStore, type ExpoCryptoModule, type SecureStoreModule } from '@menshen/react-native'
import { storageContract } from '@menshen/testing'
import NetInfo from '@react-native-community/netinfo'
import { killPhones, newPhone } from '../../../lanes/phone'

jest.mock('@react-native-community/netinfo', () => require('@react-native-community/netinfo/jest/netinfo-mock.js'))

test('expo-secure-store as jest-expo mocks it keeps nothing, and the contract says so', async () => {
  const module = jest.requireActual<SecureStoreModule>('expo-secure-store')
  const broken: string[] = []
  for (const { name, run } of storageContract(() => () => secureStore(module))) {
    await run().catch(() => broken.push(name))
  }
  expect(broken).toEqual(expect.arrayContaining([
    'a value is read back',
    'a value outlives the app',
    'a removed value is gone, for the next start, too',
  ]))
})

test('expo-crypto as jest-expo mocks it hashes nothing, and is refused', async () => {
  const crypto = expoCrypto(jest.requireActual<ExpoCryptoModule>('expo-crypto'))
  await expect(crypto.sha256('text')).rejects.toMatchObject({ code: 'config' })
})

test('the mock that netinfo ships takes a listener, and gives back what stops it', () => {
  const stop = netInfo(NetInfo)(newPhone().start())
  expect(NetInfo.addEventListener).toHaveBeenCalledTimes(1)
  stop()
  killPhones()
})
