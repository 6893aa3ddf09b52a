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

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Base64url without padding (RFC 4648 section 5); neither `btoa` nor `Buffer` is everywhere. */
export function base64url(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [a = 0, b = 0, c = 0] = bytes.subarray(at, at + 3)
    const group = [a >> 2, ((a & 3) << 4) | (b >> 4), ((b & 15) << 2) | (c >> 6), c & 63]
    text += group.slice(0, Math.min(3, bytes.length - at) + 1).map((sextet) => ALPHABET[sextet]).join('')
  }
  return text
}

/** The text, in UTF-8, that base64url stands for; neither `atob` nor `TextDecoder` is everywhere. */
export function fromBase64url(text: string): string {
  let [bits, held, escaped] = [0, 0, '']
  for (const character of text) {
    const sextet = ALPHABET.indexOf(character)
    if (sextet < 0) throw new Error('not base64url')
    bits = ((bits << 6) | sextet) & 0xfff
    held += 6
    if (held < 8) continue
    held -= 8
    escaped += `%${((bits >> held) & 0xff).toString(16).padStart(2, '0')}`
  }
  return decodeURIComponent(escaped)
}

/** WebCrypto, where the runtime has it. */
export function webCrypto(): Crypto | undefined {
  const found = ambient.crypto
  if (!found?.subtle) return undefined
  return {
    randomBytes: (count) => found.getRandomValues(new Uint8Array(count)),
    sha256: async (text) => {
      const ascii = Uint8Array.from(text, (character) => character.charCodeAt(0))
      return new Uint8Array(await found.subtle.digest('SHA-256', ascii))
    },
  }
}
