/** The way from a world to the server, and servers that promise less than ours. */
import type { Server } from './server.js'
import type { Transport } from './world.js'

/**
 * - `menshen`: the server as it is.
 * - `strict`: refresh tokens rotate without keyed retries; the client `strict` has no window for retries.
 * - `current token only`: a logout ends nothing but the access token of its moment.
 */
export type Contract = 'menshen' | 'strict' | 'current token only'

/** What is registered at the server for each contract. */
export async function registerApps(server: Server): Promise<void> {
  await server.operator.addApp('app')
  await server.operator.addApp('strict', { retry_window_ms: 0 })
}

export function clientOf(contract: Contract): string {
  return contract === 'strict' ? 'strict' : 'app'
}

/** What the server says about itself, by address: it does not change. */
const metadata = new Map<string, Awaited<ReturnType<Transport>>>()

export function openTransport(contract: Contract): Transport {
  let current = ''
  return async (url, { method, headers, body }) => {
    const known = metadata.get(url)
    if (known) return known
    const sent = { ...headers }
    if (contract === 'strict') delete sent['idempotency-key']
    if (contract === 'current token only' && url.endsWith('/account/logout')) {
      await fetch(url.replace('/account/logout', '/revoke'), {
        method, headers: sent, body: `token=${current}&client_id=app`,
      })
      return { status: 200, text: '{}', retryAfter: null }
    }
    const answer = await fetch(url, { method, headers: sent, body })
    const text = await answer.text()
    if (url.endsWith('/token') && answer.ok) current = JSON.parse(text).access_token
    const said = { status: answer.status, text, retryAfter: answer.headers.get('retry-after') }
    if (url.includes('/.well-known/')) metadata.set(url, said)
    return said
  }
}
