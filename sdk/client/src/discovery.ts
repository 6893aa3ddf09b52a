/** What the provider says about itself (OpenID Connect Discovery 1.0, RFC 8414). */
import { AuthError } from './errors.js'
import { failure, isSafeAddress, textIn, type Wire } from './wire.js'

export interface Metadata {
  authorizationEndpoint: string
  tokenEndpoint: string
  challengeEndpoint?: string
  revocationEndpoint?: string
  endSessionEndpoint?: string
  userinfoEndpoint?: string
  eventsEndpoint?: string
  /** Whether each answer names its issuer (RFC 9207). */
  namesIssuer: boolean
}

/** Fetches the metadata once; a failure is not remembered. */
export type Discovery = () => Promise<Metadata>

export function openDiscovery(issuer: string, wire: Wire, allowInsecure = false): Discovery {
  let known: Promise<Metadata> | undefined
  return () => {
    known ??= fetchMetadata(issuer, wire, allowInsecure).catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }
}

async function fetchMetadata(issuer: string, wire: Wire, allowInsecure: boolean): Promise<Metadata> {
  const answer = await wire.ask('GET', `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  if (answer.status !== 200 || !textIn(answer.body, 'issuer')) throw failure(answer)
  // Metadata of another issuer would send the tokens elsewhere (RFC 8414 section 3.3).
  if (answer.body.issuer !== issuer) {
    throw new AuthError('config', `the metadata is that of ${String(answer.body.issuer)}, not of ${issuer}`)
  }
  const endpoint = (name: string) => {
    const url = textIn(answer.body, `${name}_endpoint`)
    if (url && !isSafeAddress(url) && !(allowInsecure && /^http:\/\//i.test(url))) {
      throw new AuthError('config', `the ${name} endpoint is not reached by https`)
    }
    return url
  }
  const [authorizationEndpoint, tokenEndpoint] = [endpoint('authorization'), endpoint('token')]
  if (!authorizationEndpoint || !tokenEndpoint) throw new AuthError('config', 'the metadata names no endpoints')
  return {
    authorizationEndpoint,
    tokenEndpoint,
    challengeEndpoint: endpoint('authorization_challenge'),
    revocationEndpoint: endpoint('revocation'),
    endSessionEndpoint: endpoint('end_session'),
    userinfoEndpoint: endpoint('userinfo'),
    eventsEndpoint: endpoint('session_events'),
    namesIssuer: answer.body.authorization_response_iss_parameter_supported === true,
  }
}
