/** What the provider says about itself (OpenID Connect Discovery 1.0, RFC 8414). */
import { AuthError } from './errors.js'
import { shared } from './single-flight.js'
import { failure, isSafeAddress, textIn, type Wire } from './wire.js'

export interface Metadata {
  /** Where something is; one that others on the way could read along with counts as none. */
  endpoint(name: Endpoint): string | undefined
  /** As `endpoint`; throws `config` when there is none. */
  required(name: Endpoint): string
  /** Whether each answer of the browser names its issuer (RFC 9207). */
  readonly namesIssuer: boolean
}

type Endpoint =
  | 'authorization' | 'authorization_challenge' | 'end_session' | 'revocation' | 'session_events' | 'token'

/** Fetches the metadata once; a failure is not remembered. */
export type Discovery = () => Promise<Metadata>

export function openDiscovery(issuer: string, wire: Wire, allowInsecure = false): Discovery {
  return shared(async () => {
    const answer = await wire('GET', `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
    const { status, body } = answer
    if (status !== 200 || !body.issuer) throw failure(answer)
    // Metadata of another issuer would send the tokens elsewhere (RFC 8414 section 3.3).
    if (body.issuer !== issuer) throw new AuthError('config', `the metadata is not that of ${issuer}`)
    const endpoint = (name: Endpoint) => {
      const url = textIn(body, `${name}_endpoint`)
      return url && (isSafeAddress(url) || (allowInsecure && /^http:/i.test(url))) ? url : undefined
    }
    return {
      endpoint,
      required(name) {
        const url = endpoint(name)
        if (!url) throw new AuthError('config', `this provider has no ${name}_endpoint`)
        return url
      },
      namesIssuer: body.authorization_response_iss_parameter_supported === true,
    }
  }, 'kept')
}
