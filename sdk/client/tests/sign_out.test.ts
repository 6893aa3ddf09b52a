/** A sign-out holds: whatever the token, the network and the server are like, and whatever else goes on. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openApp, type App } from './harness/app.js'
import { startProxy, type Fault, type Proxy } from './harness/proxy.js'
import { startServer, type Server } from './harness/server.js'
import { until as wait } from './harness/until.js'

let server: Server

beforeAll(async () => {
  server = await startServer()
  await server.operator.addApp('app')
  await server.operator.addUser('ada')
  await server.operator.addUser('grace')
}, 600_000)

const cleanups: (() => unknown)[] = []

afterAll(async () => {
  for (const cleanup of cleanups) await cleanup()
  await server?.stop()
})

async function signedIn(): Promise<App & { proxy: Proxy; token: string }> {
  const proxy = await startProxy(server.issuer)
  cleanups.push(() => proxy.stop())
  const app = openApp(server, { proxy, timeoutMs: 1_500 })
  cleanups.push(() => app.client.dispose())
  await app.signIn('ada')
  return { ...app, proxy, token: await app.client.getAccessToken() }
}

const until = (holds: () => boolean | Promise<boolean>) => wait(String(holds), holds)

/** Another start of the app on the same device, with a network. */
async function restart({ device }: App): Promise<App> {
  const app = openApp(server, { device })
  cleanups.push(() => app.client.dispose())
  expect(await app.client.initialize()).toBe('signedOut')
  await app.client.flushSignOuts()
  return app
}

/** Every token that the device has ever been given to keep. */
function tokensOf({ device }: App): string[] {
  const written = device.log.filter(({ store, what }) => store === 'secure' && what === 'set')
  return written.flatMap(({ value = '{}' }) => {
    const { accessToken, refreshToken } = JSON.parse(value)
    return [accessToken, refreshToken] as string[]
  })
}

describe('the server ends the session, whatever is held', () => {
  test('a token that is good', async () => {
    const { client, token } = await signedIn()
    expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'revoked' })
    expect(await server.operator.sessionLives(token)).toBe(false)
  })

  test('a token that was superseded meanwhile', async () => {
    const app = await signedIn()
    const record = new Map(app.device.secure)
    await app.client.getAccessToken({ forceRefresh: true })
    // A backup of the device is put back.
    app.device.secure.clear()
    record.forEach((value, key) => app.device.secure.set(key, value))
    const old = openApp(server, { device: app.device })
    expect(await old.client.signOut()).toEqual({ local: 'cleared', remote: 'revoked' })
    expect(await server.operator.sessionLives(app.token)).toBe(false)
  })

  test('a token that has expired', async () => {
    const { device, token } = await signedIn()
    const later = openApp(server, { device, now: () => Date.now() + 3_600_000 })
    expect(await later.client.initialize()).toBe('expired')
    expect(await later.client.signOut()).toEqual({ local: 'cleared', remote: 'revoked' })
    expect(await server.operator.sessionLives(token)).toBe(false)
  })

  test('a session that was ended already', async () => {
    const { client, told, token } = await signedIn()
    await server.operator.endSessionOf(token)
    expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'revoked' })
    expect(told('signedOut')).toHaveLength(1)
  })

  test('a handle that the server does not know: it is not said that it was told', async () => {
    const app = await signedIn()
    const [[key, value] = ['', '']] = app.device.secure
    app.device.secure.set(key, value.replace(/mlh_[^"]+/, 'mlh_unknown'))
    const other = openApp(server, { device: app.device })
    expect(await other.client.signOut()).toEqual({ local: 'cleared', remote: 'failed' })
    expect(await other.client.pendingSignOuts()).toBe(0)
  })
})

const AWAY: [string, Fault][] = [
  ['a request that does not arrive', 'drop request'],
  ['an answer that gets lost', 'drop response'],
  ['half an answer', 'partial response'],
  ['a page of somebody else', 'garbage'],
  ['a server that hangs', 'hang request'],
  ['an answer that never comes', 'hang response'],
  ['401 of a portal', { status: 401 }],
  ['404 of a wrong route', { status: 404 }],
  ['404 of a wrong route that speaks JSON', { status: 404, body: '{"status":404,"error":"Not Found"}' }],
  ['401 of a wrong server that speaks JSON', { status: 401, body: '{"status":401,"error":"Unauthorized"}' }],
  ['403 of a firewall that speaks OAuth', { status: 403, body: '{"error":"access_denied"}' }],
  ['429 with Retry-After', { status: 429, headers: { 'retry-after': '60' } }],
  ['500', { status: 500 }],
  ['503 with Retry-After', { status: 503, headers: { 'retry-after': '60' } }],
]

describe('the user is out at once, and the server hears of it later', () => {
  test.concurrent.each(AWAY)('%s', async (_, fault) => {
    const app = await signedIn()
    expect(tokensOf(app).some((token) => app.device.contents().includes(token))).toBe(true)
    app.proxy.rule = () => fault
    const started = Date.now()
    expect(await app.client.signOut()).toEqual({ local: 'cleared', remote: 'queued' })
    expect(Date.now() - started).toBeLessThan(5_000)
    expect(app.client.status).toBe('signedOut')
    expect(app.told('signedOut')).toEqual([{ type: 'signedOut', reason: 'user', description: undefined }])
    expect(await app.client.pendingSignOuts()).toBe(1)
    expect(tokensOf(app).filter((token) => app.device.contents().includes(token))).toEqual([])
    app.client.dispose()
    const next = await restart(app)
    expect(await next.client.pendingSignOuts()).toBe(0)
    expect(next.told('signedOut')).toEqual([])
    expect(await server.operator.sessionLives(app.token)).toBe(false)
  })
})

describe('while something else goes on', () => {
  test('a double tap is one sign-out', async () => {
    const { client, proxy, told } = await signedIn()
    const [first, second] = await Promise.all([client.signOut(), client.signOut()])
    expect(first).toEqual({ local: 'cleared', remote: 'revoked' })
    expect(second).toEqual(first)
    expect(proxy.count('/account/logout')).toBe(1)
    expect(told('signedOut')).toHaveLength(1)
  })

  test('a refresh under way does not bring the session back', async () => {
    const app = await signedIn()
    app.proxy.rule = ({ path }) => (path === '/token' ? { delayMs: 200 } : undefined)
    const refresh = app.client.getAccessToken({ forceRefresh: true })
    const refused = expect(refresh).rejects.toMatchObject({ code: 'signed_out' })
    await until(() => app.proxy.count('/token') > 1)
    expect(await app.client.signOut()).toEqual({ local: 'cleared', remote: 'revoked' })
    await refused
    expect(app.client.status).toBe('signedOut')
    expect(app.device.secure.size).toBe(0)
    expect(await server.operator.sessionLives(app.token)).toBe(false)
  })

  test('a sign-in under way is called off, and what it has opened is ended', async () => {
    const { client, proxy, told } = await signedIn()
    await client.signOut()
    proxy.rule = ({ path }) => (path === '/token' ? { delayMs: 200 } : undefined)
    const user = await server.operator.addUser('mary')
    const signIn = client.signIn.password({ username: 'mary', password: 'correct-horse-battery-staple' })
    const refused = expect(signIn).rejects.toMatchObject({ code: 'cancelled' })
    await until(() => proxy.count('/token') > 1)
    await client.signOut()
    await refused
    await client.flushSignOuts()
    await until(async () => (await server.operator.countSessions(user)) === 0)
    expect(client.status).toBe('signedOut')
    expect(told('signedIn')).toHaveLength(1)
  })

  test('somebody else signs in while the sign-out waits', async () => {
    const app = await signedIn()
    app.proxy.rule = ({ path }) => (path === '/account/logout' ? 'drop request' : undefined)
    expect(await app.client.signOut()).toMatchObject({ remote: 'queued' })
    await app.signIn('grace')
    expect(await app.client.pendingSignOuts()).toBe(1)
    app.proxy.forget()
    expect(await app.client.flushSignOuts()).toBe(true)
    expect(await server.operator.sessionLives(app.token)).toBe(false)
    expect(await server.operator.sessionLives(await app.client.getAccessToken())).toBe(true)
  })

  test('a sign-out that comes while another is being told is told as well', async () => {
    const app = await signedIn()
    app.proxy.rule = ({ path }) => (path === '/account/logout' ? { delayMs: 150 } : undefined)
    const first = app.client.signOut()
    await until(() => app.client.status === 'signedOut')
    await app.signIn('grace')
    const second = await app.client.getAccessToken()
    await Promise.all([first, app.client.signOut()])
    await app.client.flushSignOuts()
    expect(await app.client.pendingSignOuts()).toBe(0)
    expect(await server.operator.sessionLives(app.token)).toBe(false)
    expect(await server.operator.sessionLives(second)).toBe(false)
  })
})
