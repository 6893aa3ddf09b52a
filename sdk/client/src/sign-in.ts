/** Sign-in: on a screen of the app's own, or in the system's browser. */
import type { Context } from './context.js'
import { required, type Metadata } from './discovery.js'
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
  /** Any other parameter of the request, such as `display`. */
  [parameter: string]: string | OpenBrowser | undefined
}

/** A sign-out of the system's browser (OpenID Connect RP-Initiated Logout 1.0). */
export interface EndBrowserSession {
  /** One that is registered for this app. */
  postLogoutRedirectUri: string
  /** The system's browser; rejects when the user closed it. */
  open: OpenBrowser
}

export interface SignIn {
  password(request: PasswordRequest): Promise<StoredSession>
  oidc(request: OidcRequest): Promise<StoredSession>
  endBrowserSession(request: EndBrowserSession, idToken?: string): Promise<void>
}

export function openSignIn(context: Context): SignIn {
  const { settings: { clientId, crypto, issuer, scope }, wire } = context
  /** The secret of each sign-in under way, by its `authSession`. */
  const underWay = new Map<string, Pkce>()

  async function redeem(metadata: Metadata, fields: Fields, nonce?: string): Promise<StoredSession> {
    const answer = await wire('POST', required(metadata.endpoint('token'), 'token endpoint'), {
      grant_type: 'authorization_code', client_id: clientId, ...fields,
    })
    if (answer.status !== 200) throw failure(answer)
    return sessionFrom(context, metadata, answer, nonce)
  }

  return {
    async password({ oneTimeCode, method = 'otp', mailCode, ...request }) {
      const metadata = await context.discovery()
      const endpoint = required(metadata.endpoint('authorization_challenge'), 'sign-in on an app\'s own screen')
      const { authSession = '' } = request
      if (!authSession) underWay.clear()
      const secret = underWay.get(authSession) ?? (await pkce(crypto))
      const answer = await wire('POST', endpoint, {
        ...parameters(request),
        ...asked(secret),
        [method]: oneTimeCode,
        mail_code: mailCode ? '1' : undefined,
      })
      const code = textIn(answer.body, 'authorization_code')
      if (!code) {
        const error = failure(answer)
        if (error.challenge) underWay.set(error.challenge.authSession, secret)
        throw error
      }
      underWay.clear()
      return redeem(metadata, { code, code_verifier: secret.verifier })
    },

    async oidc({ open, ...request }) {
      const metadata = await context.discovery()
      const secret = await pkce(crypto)
      const nonce = /\bopenid\b/.test(scope) ? randomText(crypto) : undefined
      const answer = await visit(open, required(metadata.endpoint('authorization'), 'sign-in in the browser'), {
        ...parameters(request),
        ...asked(secret),
        response_type: 'code',
        nonce,
      })
      const code = codeIn(answer, issuer, metadata.namesIssuer)
      return redeem(metadata, { code, redirect_uri: request.redirectUri, code_verifier: secret.verifier }, nonce)
    },

    async endBrowserSession({ open, ...request }, idToken) {
      const { endpoint } = await context.discovery()
      await visit(open, required(endpoint('end_session'), 'sign-out in the browser'), {
        ...parameters(request), id_token_hint: idToken, client_id: clientId,
      })
    },
  }

  /** What every sign-in asks. */
  function asked({ challenge }: Pkce): Fields {
    return { client_id: clientId, scope, code_challenge: challenge, code_challenge_method: 'S256' }
  }

  /** Through the browser, and back with the answer to this very request (RFC 6749 section 10.12). */
  async function visit(open: OpenBrowser, endpoint: string, fields: Fields): Promise<Map<string, string>> {
    const state = randomText(crypto)
    let back: string
    try {
      back = await open(`${endpoint}${endpoint.includes('?') ? '&' : '?'}${encode({ ...fields, state })}`)
    } catch (cause) {
      throw isAuthError(cause) ? cause : new AuthError('cancelled', 'the browser was closed', { cause })
    }
    const answer = queryOf(String(back))
    if (answer.get('state') !== state) throw new AuthError('server', 'what came back answers another request')
    return answer
  }
}

/** As OAuth spells them: `loginHint` is `login_hint`. */
function parameters(request: object): Fields {
  return Object.fromEntries(Object.entries(request).map(([name, value]) =>
    [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]))
}

/** The code in an answer (RFC 6749 section 4.1.2), if it is by this provider (RFC 9207). */
export function codeIn(answer: Map<string, string>, issuer: string, namesIssuer: boolean): string {
  if ((answer.get('iss') ?? (namesIssuer ? undefined : issuer)) !== issuer) {
    throw new AuthError('config', 'the answer is another provider\'s')
  }
  const code = answer.get('code')
  const error = answer.get('error')
  if (code && !error) return code
  const refused = failure({ status: 400, body: { error, error_description: answer.get('error_description') } })
  throw error === 'access_denied' ? new AuthError('cancelled', refused.message) : refused
}
