/** The answer of the token endpoint (RFC 6749 section 5.1), as a session. */
import { accountOf } from './account.js'
import type { Context } from './context.js'
import type { Metadata } from './discovery.js'
import { AuthError } from './errors.js'
import { checkIdToken, claimsOf } from './id-token.js'
import { randomText } from './pkce.js'
import type { StoredSession } from './storage.js'
import { textIn, type Answer } from './wire.js'

/** What RFC 6749 leaves to the server when it says nothing. */
const DEFAULT_LIFETIME_SECONDS = 300

/** The session that a sign-in has opened. */
export function sessionFrom(
  context: Context,
  { endpoint }: Metadata,
  answer: Answer,
  nonce?: string,
): StoredSession {
  const { issuer, clientId, crypto } = context.settings
  const idToken = textIn(answer.body, 'id_token')
  if (idToken) checkIdToken(idToken, { issuer, clientId, nonce })
  else if (nonce) throw new AuthError('server', 'the answer holds no ID token')
  const handle = textIn(answer.body, 'logout_handle')
  return {
    id: randomText(crypto).slice(0, 22),
    idToken,
    ...tokensFrom(context, answer),
    ending: handle
      ? { kind: 'handle', endpoint: `${accountOf(issuer)}/logout`, handle }
      : { kind: 'refresh_token', endpoint: endpoint('revocation') },
  }
}

/** A session renewed. What the answer does not say stays as it was. */
export function renewed(context: Context, before: StoredSession, answer: Answer): StoredSession {
  const { issuer, clientId } = context.settings
  const tokens = tokensFrom(context, answer)
  const idToken = textIn(answer.body, 'id_token')
  if (idToken) checkIdToken(idToken, { issuer, clientId, subject: claimsOf(before.idToken)?.sub })
  return {
    ...before,
    ...tokens,
    refreshToken: tokens.refreshToken ?? before.refreshToken,
    scope: tokens.scope ?? before.scope,
    idToken: idToken ?? before.idToken,
  }
}

function tokensFrom({ settings, clock }: Context, { body }: Answer) {
  const accessToken = textIn(body, 'access_token')
  // A header is made of it.
  if (!accessToken || !/^[\x21-\x7e]+$/.test(accessToken)) {
    throw new AuthError('server', 'the answer holds no access token')
  }
  const now = clock.now()
  const seconds = Number(body.expires_in)
  return {
    version: 1 as const,
    accessToken,
    accessObtainedAt: now,
    accessExpiresAt: now + (seconds > 0 && seconds < Infinity ? seconds : DEFAULT_LIFETIME_SECONDS) * 1000,
    refreshToken: textIn(body, 'refresh_token'),
    refreshKey: randomText(settings.crypto),
    scope: textIn(body, 'scope'),
  }
}
