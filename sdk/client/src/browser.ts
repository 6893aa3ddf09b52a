/** The way through the system's browser and back: only who signs in with it loads it. */
import { AuthError, encode, failure, isAuthError, randomText } from './core.js'
import type { Browser, Provider } from './sign-in.js'
import type { Fields } from './wire.js'

export type { Crypto } from './pkce.js'
export type { Browser, Provider } from './sign-in.js'
export type { Fields } from './wire.js'

/** Opens an address in the system's browser, and resolves with the address that the browser was led back to. */
export type OpenBrowser = (address: string) => Promise<string>

/**
 * The system's browser, for `signIn.oidc` and for `endBrowserSession` of `signOut`. `open` rejects when the user
 * closed it, which is `cancelled`, or with an `AuthError` of its own.
 */
export function systemBrowser(open: OpenBrowser): Browser {
  /** There, and back with the answer to this very request (RFC 6749 section 10.12). */
  async function visit(endpoint: string, { crypto }: Provider, fields: Fields): Promise<Map<string, string>> {
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

  return {
    async authorize(request, provider) {
      const nonce = /\bopenid\b/.test(request.scope ?? '') ? randomText(provider.crypto) : undefined
      const endpoint = provider.required('authorization')
      return { code: codeIn(await visit(endpoint, provider, { ...request, response_type: 'code', nonce }), provider), nonce }
    },
    async endSession(request, provider) {
      await visit(provider.required('end_session'), provider, request)
    },
  }
}

/** The code in an answer (RFC 6749 section 4.1.2), if it is by this provider (RFC 9207). */
function codeIn(answer: Map<string, string>, { issuer, namesIssuer }: Provider): string {
  if ((answer.get('iss') ?? (namesIssuer ? undefined : issuer)) !== issuer) {
    throw new AuthError('config', 'the answer is another provider\'s')
  }
  const code = answer.get('code')
  const error = answer.get('error')
  if (code && !error) return code
  const refused = failure({ status: 400, body: { error, error_description: answer.get('error_description') } })
  throw error === 'access_denied' ? new AuthError('cancelled', refused.message) : refused
}

/**
 * The query of an address, decoded.
 *
 * @throws {AuthError} `server` when a name comes twice, or it is no query.
 */
function queryOf(address: string): Map<string, string> {
  const found = new Map<string, string>()
  try {
    for (const pair of (/\?([^#]+)/.exec(address)?.[1] ?? '').split('&')) {
      const [, name = '', value = ''] = /^([^=]*)=?([^]*)$/.exec(decodeURIComponent(pair.replace(/\+/g, ' '))) ?? []
      if (found.has(name)) throw new Error(`${name} came back twice`)
      found.set(name, value)
    }
  } catch (cause) {
    throw new AuthError('server', 'what came back cannot be read', { cause })
  }
  return found
}
