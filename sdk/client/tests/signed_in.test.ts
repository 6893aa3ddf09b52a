/** An outage is never a sign-out: whatever fails, the user stays signed in, and the app works again after. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { openApp } from './harness/app.js'
import { startProxy, type Fault } from './harness/proxy.js'
import { served } from './harness/served.js'
import { until } from './harness/until.js'

const server = await served('ada')

const FAULTS: [string, Fault][] = [
  ['a request that does not arrive', 'drop request'],
  ['an answer that gets lost after the server has committed', 'drop response'],
  ['half an answer', 'partial response'],
  ['a page of somebody else', 'garbage'],
  ['an answer that never comes', 'hang response'],
  ['a request that hangs', 'hang request'],
  ['500', { status: 500 }],
  ['502 with a page', { status: 502, body: '<html>Bad gateway</html>' }],
  ['503 with Retry-After', { status: 503, headers: { 'retry-after': '1' } }],
  ['429 with Retry-After', { status: 429, headers: { 'retry-after': '1' } }],
  ['429 that says invalid_grant', { status: 429, body: '{"error":"invalid_grant"}' }],
  ['500 that says invalid_grant', { status: 500, body: '{"error":"invalid_grant"}' }],
  ['401 of a portal', { status: 401, body: 'who are you' }],
  ['403 of a firewall', { status: 403, body: 'blocked' }],
  ['404 of a wrong route', { status: 404 }],
  ['403 of a firewall that speaks OAuth', { status: 403, body: '{"error":"access_denied"}' }],
  ['400 without a reason', { status: 400, body: '{}' }],
]

describe('nobody is signed out by', () => {
  test.concurrent.each(FAULTS)('%s', async (_, fault) => {
    const proxy = await startProxy(server.issuer)
    onTestFinished(() => proxy.stop())
    const { client, signIn, told } = openApp(server, { proxy, timeoutMs: String(fault).startsWith('hang') ? 2_000 : 10_000 })
    await signIn('ada')
    const mine = await client.getAccessToken()
    proxy.rule = ({ path }) => (path === '/token' ? fault : undefined)
    await client.getAccessToken({ forceRefresh: true }).catch((error) => expect(error).toMatchObject({ retryable: true }))
    expect(proxy.seen.filter(({ form }) => form.has('refresh_token')).length).toBeGreaterThan(0)
    expect(['active', 'expired']).toContain(client.status)
    expect(told('signedOut')).toEqual([])
    proxy.forget()
    // A server that asked for a second gets it.
    let next = mine
    await until('a new token', async () => {
      next = await client.getAccessToken({ forceRefresh: true }).catch(() => mine)
      return next !== mine
    })
    expect(await server.operator.isActive(next)).toBe(true)
    client.dispose()
  })
})
