/** PKCE (RFC 7636): a secret for one sign-in, and its hash. */
import { ambient } from './ambient.js'

/**
 * Randomness and SHA-256, which a runtime without WebCrypto brings along. Both must be the platform's
 * own: a state, a verifier or a refresh key that can be guessed protects nothing.
 */
export interface Crypto {
  /** So many bytes that nobody can guess. */
  randomBytes(count: number): Uint8Array
  /** SHA-256 of ASCII text. */
  sha256(text: string): Promise<Uint8Array> | Uint8Array
}

export interface Pkce {
  verifier: string
  challenge: string
}

export async function pkce(crypto: Crypto): Promise<Pkce> {
  const verifier = randomText(crypto)
  return { verifier, challenge: base64url(await crypto.sha256(verifier)) }
}

/** 256 random bits as text. */
export function randomText(crypto: Crypto): string {
  return base64url(crypto.randomBytes(32))
}

/** A random number from 0 to 1, to spread what would happen all at once. */
export function random(crypto: Crypto): number {
  return (crypto.randomBytes(1)[0] ?? 0) / 256
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Base64url without padding (RFC 4648 section 5); neither `btoa` nor `Buffer` is everywhere. */
export function base64url(bytes: Uint8Array): string {
  const sextets = regroup([...bytes, 0], 8, 6).slice(0, Math.ceil(bytes.length * 4 / 3))
  return sextets.map((sextet) => ALPHABET[sextet]).join('')
}

/** The text, in UTF-8, that base64url stands for; neither `atob` nor `TextDecoder` is everywhere. */
export function fromBase64url(text: string): string {
  // A character that is none of them is -1, all ones, and makes a byte that is in no UTF-8.
  const bytes = regroup(Array.from(text, (each) => ALPHABET.indexOf(each)), 6, 8)
  return decodeURIComponent(bytes.map((byte) => `%${(byte + 256).toString(16).slice(1)}`).join(''))
}

/** The same bits, in groups of another size; what fills none at the end is left out. */
function regroup(values: number[], from: number, to: number): number[] {
  const groups: number[] = []
  let [bits, held] = [0, 0]
  for (const value of values) {
    bits = (bits << from) | value
    for (held += from; held >= to;) groups.push((bits >> (held -= to)) & ((1 << to) - 1))
  }
  return groups
}

/** WebCrypto, where the runtime has it. */
export function webCrypto(): Crypto | undefined {
  const found = ambient.crypto
  if (!found?.subtle) return undefined
  return {
    randomBytes: (count) => found.getRandomValues(new Uint8Array(count)),
    sha256: async (text) =>
      new Uint8Array(await found.subtle.digest('SHA-256', Uint8Array.from(text, (each) => each.charCodeAt(0)))),
  }
}
