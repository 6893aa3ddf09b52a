/** Who is signed in, as the ID token says. */
export interface User {
  /** The claim `sub`: never changes, and is nobody else's. */
  id: string
  /** The claim `name`. */
  name?: string
  /** The claim `preferred_username`. */
  username?: string
  /** The claim `email`. */
  email?: string
  /** Every claim there is. */
  claims: Readonly<Record<string, unknown>>
}

/** Reads an ID token that came from the token endpoint itself, where its signature proves nothing more (OpenID Connect Core 1.0 section 3.1.3.7). */
export function userOf(idToken: string | undefined): User | null {
  const claims = claimsOf(idToken?.split('.')[1])
  if (typeof claims?.sub !== 'string') return null
  const text = (name: string) => (typeof claims[name] === 'string' ? claims[name] : undefined)
  return { id: claims.sub, name: text('name'), username: text('preferred_username'), email: text('email'), claims }
}

function claimsOf(part: string | undefined): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(utf8(part ?? ''))
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null
  } catch {
    return null
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** UTF-8 in base64url; React Native has no `TextDecoder`. */
function utf8(base64url: string): string {
  let [bits, held, escaped] = [0, 0, '']
  for (const character of base64url) {
    bits = ((bits << 6) | ALPHABET.indexOf(character)) & 0xffff
    held += 6
    if (held < 8) continue
    held -= 8
    escaped += `%${((bits >> held) & 0xff).toString(16).padStart(2, '0')}`
  }
  return decodeURIComponent(escaped)
}
