/**
 * Set-up for jest, as `setupFiles: ['@menshen/testing/jest']`: `expo-secure-store`, `react-native-keychain`
 * and `expo-crypto` store and make up what they say, whether they are installed or not.
 */
import { fakeExpoCrypto, fakeKeychain, fakeSecureStore } from './modules.js'

declare const jest: { mock(name: string, make: () => unknown, options: { virtual: boolean }): void }

const secureStore = fakeSecureStore()
const keychain = fakeKeychain()

/** What is on the device, for a test to look at. */
export const device = {
  /** What `expo-secure-store` keeps. */
  secureStore: secureStore.values,
  /** What `react-native-keychain` keeps, by service. */
  keychain: keychain.values,
  /** Empties both, between two tests. */
  clear(): void {
    secureStore.values.clear()
    keychain.values.clear()
  },
}

const virtual = { virtual: true }
jest.mock('expo-secure-store', () => ({ __esModule: true, ...secureStore }), virtual)
jest.mock('react-native-keychain', () => ({ __esModule: true, ...keychain, default: keychain }), virtual)
jest.mock('expo-crypto', () => ({ __esModule: true, ...fakeExpoCrypto() }), virtual)
