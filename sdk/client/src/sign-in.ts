/** Sign-in: on a screen of the app's own, or in the system's browser. */
import type { Context } from './context.js'
import type { Metadata } from './discovery.js'
import { pkce, type Crypto, type Pkce } from './pkce.js'
import type { StoredSession } from './storage.js'
import { sessionFrom } from './token-response.js'
import { failure, textIn, type Fields } from './wire.js'

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

/** The system's browser, as a client uses it; `systemBrowser` of `@menshen/client/browser` makes one. */
export interface Browser {
  /** Goes there with an authorization request, and comes back with a code; whose ID token bears the nonce. */
  authorize(request: Fields, provider: Provider): Promise<{ code: string; nonce?: string }>
  /** Goes there with a logout request, and comes back. */
  endSession(request: Fields, provider: Provider): Promise<unknown>
}

/** What a browser sees of its client: the provider, as it describes itself. */
export interface Provider {
  readonly issuer: string
  /** Whether each answer names its issuer (RFC 9207). */
  readonly namesIssuer: boolean
  readonly crypto: Crypto
  /** Where something is; throws `config` when it is nowhere. */
  required(name: 'authorization' | 'end_session'): string
}

/** A sign-in in the system's browser. */
export interface OidcRequest {
  /** One that is registered for this app. */
  redirectUri: string
  browser: Browser
  /** Such as `login`, so that somebody who is signed in to the browser is asked again. */
  prompt?: string
  /** What the person has probably typed already. */
  loginHint?: string
  /** Such as `zh-CN en`, in the order of preference. */
  uiLocales?: string
  /** How strongly to sign in, as the provider calls it. */
  acrValues?: string
  /** Any other parameter of the request, such as `display`. */
  [parameter: string]: string | Browser | undefined
}

/** A sign-out of the system's browser (OpenID Connect RP-Initiated Logout 1.0). */
export interface EndBrowserSession {
  /** One that is registered for this app. */
  postLogoutRedirectUri: string
  browser: Browser
}

export interface SignIn {
  password(request: PasswordRequest): Promise<StoredSession>
  oidc(request: OidcRequest): Promise<StoredSession>
  endBrowserSession(request: EndBrowserSession, idToken?: string): Promise<unknown>
}

export function openSignIn(context: Context): SignIn {
  const { settings, wire } = context
  const { clientId: client_id, crypto, scope } = settings
  /** The secret of the sign-in under way. */
  let underWay: Pkce | undefined

  /** The request of a sign-in. */
  const asked = (request: object, { challenge }: Pkce): Fields => ({
    ...parameters(request), client_id, scope, code_challenge: challenge, code_challenge_method: 'S256',
  })

  async function redeem(metadata: Metadata, { verifier }: Pkce, fields: Fields, nonce?: string): Promise<StoredSession> {
    const answer = await wire('POST', metadata.required('token'), {
      grant_type: 'authorization_code', client_id, code_verifier: verifier, ...fields,
    })
    if (answer.status !== 200) throw failure(answer)
    return sessionFrom(context, metadata, answer, nonce)
  }

  return {
    async password({ oneTimeCode, method = 'otp', mailCode, ...request }) {
      const metadata = await context.discovery()
      const endpoint = metadata.required('authorization_challenge')
      const secret = underWay = (request.authSession && underWay) || (await pkce(crypto))
      const answer = await wire('POST', endpoint, {
        ...asked(request, secret),
        [method]: oneTimeCode,
        mail_code: mailCode ? '1' : undefined,
      })
      const code = textIn(answer.body, 'authorization_code')
      if (!code) throw failure(answer)
      underWay = undefined
      return redeem(metadata, secret, { code })
    },

    async oidc({ browser, ...request }) {
      const metadata = await context.discovery()
      const secret = await pkce(crypto)
      const { code, nonce } = await browser.authorize(asked(request, secret), { ...settings, ...metadata })
      return redeem(metadata, secret, { code, redirect_uri: request.redirectUri }, nonce)
    },

    async endBrowserSession({ browser, ...request }, idToken) {
      const provider = { ...settings, ...(await context.discovery()) }
      return browser.endSession({ ...parameters(request), id_token_hint: idToken, client_id }, provider)
    },
  }
}

/** As OAuth spells them: `loginHint` is `login_hint`. */
function parameters(request: object): Fields {
  return Object.fromEntries(Object.entries(request).map(([name, value]) =>
    [name.replace(/[A-Z]/g, '_$&').toLowerCase(), value]))
}
