/** Sign-in: on a screen of the app's own, or in the system's browser. */
import { AuthError } from './errors.js'
import type { Context } from './context.js'
import { pkce, randomText } from './pkce.js'
import type { StoredSession } from './storage.js'
import { encode, failure, queryOf, type Fields } from './wire.js'

/** A sign-in on a screen of the app's own; to go on with one, `authSession` and a code. */
export interface PasswordRequest {
  username?: string
  password?: string
  /** From the {@link AuthError.challenge} of the attempt before. */
  authSession?: string
  /** From an authenticator app, a mail, or the list of recovery codes. */
  oneTimeCode?: string
  /** For the user to recognize this device in a list. */
  deviceName?: string
  /** Such as `ios`, `android` or `web`. */
  devicePlatform?: string
  /** How strongly to sign in, as the provider calls it (`acr_values`). */
  acrValues?: string
}

/** A sign-in in the system's browser. */
export interface OidcRequest {
  /** One that is registered for this app. */
  redirectUri: string
  /**
   * Opens the address in the system's browser, and resolves with the address that the browser was led
   * back to; rejects when the user closed it.
   */
  open(address: string): Promise<string>
  /** Such as `login`, so that somebody who is signed in to the browser is asked again. */
  prompt?: string
  /** What the person has probably typed already. */
  loginHint?: string
  acrValues?: string
}

export interface SignIn {
  password(request: PasswordRequest): Promise<StoredSession>
  oidc(request: OidcRequest): Promise<StoredSession>
}

export function openSignIn(context: Context, scope: string): SignIn {
  /** PKCE of a sign-in under way, by its `authSession`. */
  const underWay = new Map<string, string>()

  async function redeem(fields: Fields): Promise<StoredSession> {
    const { tokenEndpoint } = await context.discovery()
    const answer = await context.wire.form(tokenEndpoint, {
      grant_type: 'authorization_code',
      client_id: context.clientId,
      ...fields,
    })
    if (answer.status !== 200) throw failure(answer)
    return context.read(answer)
  }

  return {
    async password(request) {
      const { challengeEndpoint } = await context.discovery()
      if (challengeEndpoint === undefined) {
        throw new AuthError('config', 'the provider signs nobody in on an app\'s own screen')
      }
      const { verifier, challenge } = await pkce(context.crypto)
      const answer = await context.wire.form(challengeEndpoint, {
        client_id: context.clientId,
        scope,
        username: request.username,
        password: request.password,
        auth_session: request.authSession,
        otp: request.oneTimeCode,
        acr_values: request.acrValues,
        device_name: request.deviceName,
        device_platform: request.devicePlatform,
        code_challenge: request.authSession === undefined ? challenge : undefined,
        code_challenge_method: request.authSession === undefined ? 'S256' : undefined,
      })
      const secret = underWay.get(request.authSession ?? '') ?? verifier
      if (answer.status !== 200) {
        const error = failure(answer)
        if (error.challenge) underWay.set(error.challenge.authSession, secret)
        throw error
      }
      underWay.clear()
      const code = String(answer.body.authorization_code ?? '')
      return redeem({ code, code_verifier: secret })
    },

    async oidc(request) {
      const { authorizationEndpoint } = await context.discovery()
      const { verifier, challenge } = await pkce(context.crypto)
      const state = randomText(context.crypto)
      const query = encode({
        response_type: 'code',
        client_id: context.clientId,
        redirect_uri: request.redirectUri,
        scope,
        state,
        code_challenge: challenge,
        code_challenge_method: 'S256',
        prompt: request.prompt,
        login_hint: request.loginHint,
        acr_values: request.acrValues,
      })
      const glue = authorizationEndpoint.includes('?') ? '&' : '?'
      let back: string
      try {
        back = await request.open(`${authorizationEndpoint}${glue}${query}`)
      } catch (cause) {
        throw new AuthError('cancelled', 'the browser was closed', { cause })
      }
      const answer = queryOf(back)
      // An answer to another request, or of another provider (RFC 9207), is nobody's sign-in.
      if (answer.get('state') !== state) throw new AuthError('config', 'the answer is to another request')
      if ((answer.get('iss') ?? context.issuer) !== context.issuer) {
        throw new AuthError('config', 'the answer is another provider\'s')
      }
      const error = answer.get('error')
      if (error !== undefined) {
        throw failure({ status: 400, body: { error, error_description: answer.get('error_description') } })
      }
      return redeem({ code: answer.get('code'), redirect_uri: request.redirectUri, code_verifier: verifier })
    },
  }
}
