/** Sign-in: on a screen of the app's own, or in the system's browser. */
import type { Context } from './context.js'
import type { Metadata } from './discovery.js'
import { AuthError, isAuthError } from './errors.js'
import { pkce, randomText, type Pkce } from './pkce.js'
import type { StoredSession } from './storage.js'
import { sessionFrom } from './token-response.js'
import { encode, failure, queryOf, textIn, type Fields } from './wire.js'

/** A sign-in on a screen of the app's own; to go on with one, `authSession` and a code. */
export interface PasswordRequest {
  username?: string
  password?: string
  /** From the {@link AuthError.challenge} of the attempt before. */
  authSession?: string
  /** From an authenticator app, a mail, or the list of recovery codes, as `method` says. */
  oneTimeCode?: string
  /** Where the code comes from, as in `AuthError.challenge.methods`: `otp` (the default), `recovery_code`, `mailed_code`. */
  method?: string
  /** Asks for a code by mail, with `authSession` and in place of a code. */
  mailCode?: boolean
  /** For the user to recognize this device in a list. */
  deviceName?: string
  /** Such as `ios`, `android` or `web`. */
  devicePlatform?: string
  /** How strongly to sign in, as the provider calls it (`acr_values`). */
  acrValues?: string
}

/** Opens an address in the system's browser, and resolves with the address that the browser was led back to. */
export type OpenBrowser = (address: string) => Promise<string>

/** A sign-in in the system's browser. */
export interface OidcRequest {
  /** One that is registered for this app. */
  redirectUri: string
  /** The system's browser; rejects when the user closed it. */
  open: OpenBrowser
  /** Such as `login`, so that somebody who is signed in to the browser is asked again. */
  prompt?: string
  /** What the person has probably typed already. */
  loginHint?: string
  /** Such as `zh-CN en`, in the order of preference. */
  uiLocales?: string
  /** How strongly to sign in, as the provider calls it. */
  acrValues?: string
}

export interface SignIn {
  password(request: PasswordRequest): Promise<StoredSession>
  oidc(request: OidcRequest): Promise<StoredSession>
}

export function openSignIn(context: Context): SignIn {
  const { settings: { clientId, crypto, issuer, scope }, wire } = context
  /** The secret of each sign-in under way, by its `authSession`. */
  const underWay = new Map<string, Pkce>()

  async function redeem(metadata: Metadata, fields: Fields, nonce?: string): Promise<StoredSession> {
    const answer = await wire.form(metadata.tokenEndpoint, {
      grant_type: 'authorization_code', client_id: clientId, ...fields,
    })
    if (answer.status !== 200) throw failure(answer)
    return sessionFrom(context, metadata, answer, nonce)
  }

  return {
    async password(request) {
      const metadata = await context.discovery()
      if (!metadata.challengeEndpoint) {
        throw new AuthError('config', 'this provider signs nobody in on an app\'s own screen: use signIn.oidc')
      }
      if (request.authSession === undefined) underWay.clear()
      const secret = underWay.get(request.authSession ?? '') ?? (await pkce(crypto))
      const answer = await wire.form(metadata.challengeEndpoint, {
        client_id: clientId,
        scope,
        username: request.username,
        password: request.password,
        auth_session: request.authSession,
        [request.method ?? 'otp']: request.oneTimeCode,
        mail_code: request.mailCode ? '1' : undefined,
        acr_values: request.acrValues,
        device_name: request.deviceName,
        device_platform: request.devicePlatform,
        code_challenge: secret.challenge,
        code_challenge_method: 'S256',
      })
      const code = textIn(answer.body, 'authorization_code')
      if (answer.status !== 200 || !code) {
        const error = failure(answer)
        if (error.challenge) underWay.set(error.challenge.authSession, secret)
        throw error
      }
      underWay.clear()
      return redeem(metadata, { code, code_verifier: secret.verifier })
    },

    async oidc(request) {
      const metadata = await context.discovery()
      const { verifier, challenge } = await pkce(crypto)
      const state = randomText(crypto)
      const nonce = scope.split(' ').includes('openid') ? randomText(crypto) : undefined
      const query = encode({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: request.redirectUri,
        scope,
        state,
        nonce,
        code_challenge: challenge,
        code_challenge_method: 'S256',
        prompt: request.prompt,
        login_hint: request.loginHint,
        ui_locales: request.uiLocales,
        acr_values: request.acrValues,
      })
      const back = await openBrowser(request.open, withQuery(metadata.authorizationEndpoint, query))
      const code = codeIn(queryOf(back), state, issuer, metadata.namesIssuer)
      return redeem(metadata, { code, redirect_uri: request.redirectUri, code_verifier: verifier }, nonce)
    },
  }
}

/** Opens the browser; that nothing came back is the user's doing. */
export async function openBrowser(open: OpenBrowser, address: string): Promise<string> {
  try {
    return String(await open(address))
  } catch (cause) {
    if (isAuthError(cause)) throw cause
    throw new AuthError('cancelled', 'the browser was closed', { cause })
  }
}

export function withQuery(endpoint: string, query: string): string {
  return `${endpoint}${endpoint.includes('?') ? '&' : '?'}${query}`
}

/** The code in an answer to this request (RFC 6749 section 4.1.2), by this provider (RFC 9207). */
export function codeIn(answer: Map<string, string>, state: string, issuer: string, namesIssuer: boolean): string {
  if (answer.get('state') !== state) throw new AuthError('server', 'what came back answers another sign-in')
  if ((answer.get('iss') ?? (namesIssuer ? undefined : issuer)) !== issuer) {
    throw new AuthError('config', 'the answer is another provider\'s')
  }
  const error = answer.get('error')
  if (error === 'access_denied') throw new AuthError('cancelled', answer.get('error_description') ?? error)
  if (error !== undefined) {
    throw failure({ status: 400, body: { error, error_description: answer.get('error_description') } })
  }
  const code = answer.get('code')
  if (!code) throw new AuthError('server', 'what came back holds no code')
  return code
}
