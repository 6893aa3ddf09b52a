import { AuthError } from './errors.js'
import { failure, type Wire } from './wire.js'

/** What the provider says about itself (OpenID Connect Discovery 1.0, RFC 8414). */
export interface Metadata {
  authorizationEndpoint: string
  tokenEndpoint: string
  challengeEndpoint?: string
  revocationEndpoint?: string
  endSessionEndpoint?: string
}

export interface Discovery {
  (): Promise<Metadata>
}

/** Fetches the metadata once; a failure is not remembered. */
export function openDiscovery(issuer: string, wire: Wire): Discovery {
  let known: Promise<Metadata> | undefined
  return () => {
    known ??= fetchMetadata(issuer, wire).catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }
}

async function fetchMetadata(issuer: string, wire: Wire): Promise<Metadata> {
  const answer = await wire.ask('GET', `${issuer}/.well-known/openid-configuration`)
  if (answer.status !== 200) throw failure(answer)
  const text = (name: string) => {
    const value = answer.body[name]
    return typeof value === 'string' ? value : undefined
  }
  // Metadata of another issuer would send the tokens elsewhere (RFC 8414 section 3.3).
  if (text('issuer') !== issuer) {
    throw new AuthError('config', `the metadata is that of ${text('issuer') ?? 'nobody'}, not of ${issuer}`)
  }
  const [authorizationEndpoint, tokenEndpoint] = [text('authorization_endpoint'), text('token_endpoint')]
  if (authorizationEndpoint === undefined || tokenEndpoint === undefined) {
    throw new AuthError('config', 'the metadata names no endpoints')
  }
  return {
    authorizationEndpoint,
    tokenEndpoint,
    challengeEndpoint: text('authorization_challenge_endpoint'),
    revocationEndpoint: text('revocation_endpoint'),
    endSessionEndpoint: text('end_session_endpoint'),
  }
}
