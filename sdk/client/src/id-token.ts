/**
 * What an ID token says (OpenID Connect Core 1.0 section 2). It came from the token endpoint itself,
 * so that TLS vouches for it (section 3.1.3.7, point 6); its signature is not checked.
 */
import { AuthError } from './errors.js'
import { fromBase64url } from './pkce.js'
import { objectOf } from './wire.js'

/** What an ID token says of the user. For showing; access is the server's to judge. */
export interface UserClaims {
  sub: string
  name?: string
  email?: string
  picture?: string
  [claim: string]: unknown
}

/** The claims; `undefined` when it is no ID token. */
export function claimsOf(idToken: string | undefined): UserClaims | undefined {
  try {
    const claims = objectOf(fromBase64url(idToken?.split('.')[1] ?? ''))
    return typeof claims.sub === 'string' ? (claims as UserClaims) : undefined
  } catch {
    return undefined
  }
}

/** For whom an ID token must be. */
export interface Expected {
  issuer: string
  clientId: string
  /** Of the request that it answers. */
  nonce?: string
  /** Of the session that it renews. */
  subject?: string
}

/**
 * Checks issuer, audience, nonce and subject. Not the time: the device's clock may be wrong by years,
 * and the token has just been made.
 *
 * @throws {AuthError} `config` when it is somebody else's.
 */
export function checkIdToken(idToken: string | undefined, { issuer, clientId, nonce, subject }: Expected): void {
  const claims = claimsOf(idToken)
  const audience = ([] as unknown[]).concat(claims?.aud ?? [])
  const holds = claims?.iss === issuer && audience.includes(clientId) &&
    (audience.length === 1 || claims.azp === clientId) &&
    (nonce === undefined || claims.nonce === nonce) &&
    (subject === undefined || claims.sub === subject)
  if (!holds) throw new AuthError('config', 'the ID token is not for this sign-in')
}
