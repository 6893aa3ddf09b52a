/** An OpenID provider that others wrote (node-oidc-provider), over HTTP: rotation, no keys, no handles. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

export interface OtherProvider {
  readonly issuer: string
  /** Whether it still takes this refresh token. */
  takes(refreshToken: string): Promise<boolean>
  /** The browser of somebody who signs in as soon as they are asked. */
  open(address: string): Promise<string>
  stop(): Promise<void>
}

export const REDIRECT_URI = 'com.example.app:/callback'

export async function startProvider(): Promise<OtherProvider> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'app',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    }],
    cookies: { keys: ['of this test'] },
    features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
    findAccount: (_: unknown, sub: string) => ({ accountId: sub, claims: async () => ({ sub }) }),
    interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3600, IdToken: 600, Interaction: 60, RefreshToken: 3600, Session: 3600 },
  })
  provider.use(async (context, next) => {
    if (!context.path.startsWith('/interaction/')) return next()
    const grant = new provider.Grant({ accountId: 'ada', clientId: 'app' })
    grant.addOIDCScope('openid offline_access')
    const consent = { grantId: await grant.save() }
    await provider.interactionFinished(context.req, context.res, { login: { accountId: 'ada' }, consent })
    context.respond = false
  })
  server.on('request', provider.callback())
  return {
    issuer,
    async takes(refreshToken) {
      const found = await provider.RefreshToken.find(refreshToken)
      return found !== undefined && found.isValid && !found.consumed
    },
    open: walk,
    stop: () => new Promise((done) => {
      server.closeAllConnections()
      server.close(() => done())
    }),
  }
}

async function walk(address: string): Promise<string> {
  const cookies = new Map<string, string>()
  for (let step = 0; step < 10; step++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(address, { redirect: 'manual', headers: { cookie } })
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';')[0]?.split('=') ?? []
      cookies.set(name, value)
    }
    const location = answer.headers.get('location')
    if (location === null) throw new Error(`no way on from ${address}: ${answer.status} ${await answer.text()}`)
    if (location.startsWith(REDIRECT_URI)) return location
    address = new URL(location, address).href
  }
  throw new Error('the browser is led in circles')
}
