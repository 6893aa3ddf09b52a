/** Randomness and SHA-256, which React Native does not have by itself. */
import { AuthError, type Crypto } from '@menshen/client'

/** The part of `expo-crypto` that is used. */
export interface ExpoCryptoModule {
  getRandomBytes(count: number): Uint8Array
  digestStringAsync(algorithm: any, text: string): Promise<string>
}

/** The part of `react-native-quick-crypto` (or of Node's `crypto`) that is used. */
export interface QuickCryptoModule {
  randomBytes(count: number): Uint8Array
  createHash(algorithm: string): { update(text: string): { digest(): Uint8Array } }
}

/**
 * `crypto: expoCrypto(Crypto)` after `import * as Crypto from 'expo-crypto'`. What comes back is looked at:
 * a stand-in that hashes nothing, such as the one of jest-expo, is refused with `config` when it is used.
 *
 * @throws {AuthError} `config` when that is not the module.
 */
export function expoCrypto(module: ExpoCryptoModule): Crypto {
  if (typeof module?.digestStringAsync !== 'function') {
    throw new AuthError('config', 'expoCrypto() takes what `import * as Crypto from \'expo-crypto\'` names')
  }
  return {
    randomBytes: (count) => random(module.getRandomBytes(count), count),
    async sha256(text) {
      const hex = await module.digestStringAsync('SHA-256', text)
      const pairs = /^[0-9a-f]{64}$/i.test(hex) ? hex.match(/../g) : null
      if (!pairs) throw new AuthError('config', 'expo-crypto made no SHA-256')
      return Uint8Array.from(pairs, (pair) => parseInt(pair, 16))
    },
  }
}

/**
 * `crypto: quickCrypto(QuickCrypto)` with the default export of `react-native-quick-crypto`.
 *
 * @throws {AuthError} `config` when that is not the module.
 */
export function quickCrypto(module: QuickCryptoModule): Crypto {
  if (typeof module?.createHash !== 'function') {
    throw new AuthError('config', 'quickCrypto() takes the default export of react-native-quick-crypto')
  }
  return {
    randomBytes: (count) => random(new Uint8Array(module.randomBytes(count)), count),
    sha256: (text) => new Uint8Array(module.createHash('sha256').update(text).digest()),
  }
}

function random(bytes: Uint8Array, count: number): Uint8Array {
  const missing = !bytes || bytes.length !== count
  // 128 bits that are all zero are no accident.
  if (missing || (count >= 16 && bytes.every((byte) => byte === 0))) {
    throw new AuthError('config', 'there is no randomness here')
  }
  return bytes
}
