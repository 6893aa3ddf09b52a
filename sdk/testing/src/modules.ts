/**
 * Stand-ins for the modules that a phone's storage and randomness are reached by. Under jest, those
 * modules store nothing and make up nothing, so that a test of a sign-out passes whatever the code does.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'

/** As much of `expo-secure-store` as apps use. */
export interface FakeSecureStore {
  /** What is on the device. */
  readonly values: Map<string, string>
  readonly AFTER_FIRST_UNLOCK: number
  readonly AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: number
  readonly WHEN_UNLOCKED: number
  readonly WHEN_UNLOCKED_THIS_DEVICE_ONLY: number
  isAvailableAsync(): Promise<boolean>
  canUseBiometricAuthentication(): boolean
  getItemAsync(key: string, options?: object): Promise<string | null>
  setItemAsync(key: string, value: string, options?: object): Promise<void>
  deleteItemAsync(key: string, options?: object): Promise<void>
  getItem(key: string, options?: object): string | null
  setItem(key: string, value: string, options?: object): void
}

/**
 * `expo-secure-store` that really stores. It refuses the keys that the real one refuses, and values of
 * more than `limitBytes`, from 1; none by default, as the real one only warns that they may fail.
 */
export function fakeSecureStore({ limitBytes = Infinity }: { limitBytes?: number } = {}): FakeSecureStore {
  const values = new Map<string, string>()
  const valid = (key: string) => {
    if (typeof key !== 'string' || !/^[\w.-]+$/.test(key)) throw new Error(`Invalid key provided to SecureStore: ${key}`)
    return key
  }
  const set = (key: string, value: string) => {
    if (typeof value !== 'string') throw new Error('Invalid value provided to SecureStore')
    if (Buffer.byteLength(value) > limitBytes) throw new Error(`Value is larger than ${limitBytes} bytes`)
    values.set(valid(key), value)
  }
  return {
    values,
    AFTER_FIRST_UNLOCK: 0,
    AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: 1,
    WHEN_UNLOCKED: 5,
    WHEN_UNLOCKED_THIS_DEVICE_ONLY: 6,
    isAvailableAsync: async () => true,
    canUseBiometricAuthentication: () => false,
    getItemAsync: async (key) => values.get(valid(key)) ?? null,
    setItemAsync: async (key, value) => set(key, value),
    deleteItemAsync: async (key) => void values.delete(valid(key)),
    getItem: (key) => values.get(valid(key)) ?? null,
    setItem: set,
  }
}

/** As much of `react-native-keychain` as apps use for tokens. */
export interface FakeKeychain {
  /** What is on the device: user name and password by service. */
  readonly values: Map<string, { username: string; password: string }>
  readonly ACCESSIBLE: { AFTER_FIRST_UNLOCK: string; AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: string }
  getGenericPassword(options?: { service?: string }): Promise<
    false | { service: string; storage: string; username: string; password: string }
  >
  hasGenericPassword(options?: { service?: string }): Promise<boolean>
  setGenericPassword(username: string, password: string, options?: { service?: string }): Promise<
    { service: string; storage: string }
  >
  resetGenericPassword(options?: { service?: string }): Promise<boolean>
  getAllGenericPasswordServices(): Promise<string[]>
}

/** `react-native-keychain` that really stores. */
export function fakeKeychain(): FakeKeychain {
  const values = new Map<string, { username: string; password: string }>()
  const at = (options?: { service?: string }) => options?.service ?? 'app'
  const storage = 'keychain'
  return {
    values,
    ACCESSIBLE: {
      AFTER_FIRST_UNLOCK: 'AccessibleAfterFirstUnlock',
      AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: 'AccessibleAfterFirstUnlockThisDeviceOnly',
    },
    async getGenericPassword(options) {
      const found = values.get(at(options))
      return found ? { service: at(options), storage, ...found } : false
    },
    hasGenericPassword: async (options) => values.has(at(options)),
    async setGenericPassword(username, password, options) {
      values.set(at(options), { username, password })
      return { service: at(options), storage }
    },
    async resetGenericPassword(options) {
      values.delete(at(options))
      return true
    },
    getAllGenericPasswordServices: async () => [...values.keys()],
  }
}

/** As much of `expo-crypto` as apps use. */
export interface FakeExpoCrypto {
  readonly CryptoDigestAlgorithm: Record<'SHA1' | 'SHA256' | 'SHA384' | 'SHA512', string>
  readonly CryptoEncoding: { HEX: 'hex'; BASE64: 'base64' }
  getRandomBytes(count: number): Uint8Array
  getRandomBytesAsync(count: number): Promise<Uint8Array>
  randomUUID(): string
  digestStringAsync(algorithm: string, text: string, options?: { encoding?: 'hex' | 'base64' }): Promise<string>
}

/** `expo-crypto` with Node's randomness and hashes. */
export function fakeExpoCrypto(): FakeExpoCrypto {
  const bytes = (count: number) => Uint8Array.from(randomBytes(count))
  return {
    CryptoDigestAlgorithm: { SHA1: 'SHA-1', SHA256: 'SHA-256', SHA384: 'SHA-384', SHA512: 'SHA-512' },
    CryptoEncoding: { HEX: 'hex', BASE64: 'base64' },
    getRandomBytes: bytes,
    getRandomBytesAsync: async (count) => bytes(count),
    randomUUID: () => randomUUID(),
    digestStringAsync: async (algorithm, text, { encoding = 'hex' } = {}) =>
      createHash(algorithm.replace('-', '').toLowerCase()).update(text).digest(encoding),
  }
}
