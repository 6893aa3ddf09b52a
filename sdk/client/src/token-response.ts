/** The answer of the token endpoint (RFC 6749 section 5.1), as a session. */
import type { Context } from './context.js'
import type { Metadata } from './discovery.js'
import { AuthError } from './errors.js'
import { checkIdToken, claimsOf } from './id-token.js'
import { randomText } from './pkce.js'
import type { StoredSession } from './storage.js'
import { given, textIn, type Answer } from './wire.js'

/** What RFC 6749 leaves to the server when it says nothing. */
const DEFAULT_LIFETIME_SECONDS = 300

/** The session that a sign-in has opened. */
export function sessionFrom(
  context: Context,
  { endpoint }: Metadata,
  answer: Answer,
  nonce?: string,
): StoredSession {
  const { issuer, crypto } = context.settings
  const tokens = tokensFrom(context, answer, { nonce })
  const handle = textIn(answer.body, 'logout_handle')
  return {
    id: randomText(crypto).slice(0, 22),
    ...tokens,
    ending: handle
      ? { endpoint: `${issuer.replace(/\/$/, '')}/account/logout`, handle }
      : { endpoint: endpoint('revocation') },
  }
}

/** A session renewed. What the answer does not say stays as it was. */
export function renewed(context: Context, before: StoredSession, answer: Answer): StoredSession {
  return { ...before, ...given(tokensFrom(context, answer, { subject: claimsOf(before.idToken)?.sub })) }
}

function tokensFrom({ settings, clock }: Context, { body }: Answer, expected: { nonce?: string; subject?: string }) {
  const accessToken = textIn(body, 'access_token')
  const idToken = textIn(body, 'id_token')
  // A header is made of it.
  if (!accessToken || !/^[\x21-\x7e]+$/.test(accessToken)) {
    throw new AuthError('server', 'the answer holds no access token')
  }
  if (idToken || expected.nonce) checkIdToken(idToken, { ...settings, ...expected })
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
    idToken,
  }
}
