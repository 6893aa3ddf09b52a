/** Another provider than Menshen: no handle, no account API, a refresh token that must not get lost. */
import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { menshenAccount } from './account.js'
import { systemBrowser } from './browser.js'
import { createAuthClient, type AuthClientOptions, type AuthEvent, type FetchInit, type OutboxStorage } from './index.js'
import { webBroadcast } from './storage-web.js'

const ISSUER = 'https://id.example'

interface Told { path: string; form: URLSearchParams }

/** A provider as plain as the standards allow; `rule` answers in its place. */
function provider(metadata: object = {}) {
  const told: Told[] = []
  let [codes, number] = [new Map<string, URLSearchParams>(), 0]
  const self = {
    told,
    rule: (_path: string, _form: URLSearchParams): { status: number; body?: unknown; headers?: Record<string, string> } | 'offline' | undefined => undefined,
    claims: {} as Record<string, unknown>,
    of: (path: string) => told.filter((request) => request.path === path).map(({ form }) => Object.fromEntries(form)),
    open: async (address: string) => {
      const query = new URL(address).searchParams
      const code = `code${++number}`
      codes.set(code, query)
      return `${query.get('redirect_uri') ?? query.get('post_logout_redirect_uri')}?code=${code}&state=${query.get('state')}`
    },
    fetch: async (url: string, init: FetchInit) => {
      const path = url.replace(ISSUER, '')
      const form = new URLSearchParams(init.body)
      const ruled = self.rule(path, form)
      if (ruled === 'offline') throw new TypeError('Network request failed')
      if (!path.startsWith('/.well-known')) told.push({ path, form })
      const { status, body = {}, headers = {} } = ruled ?? { status: 200, body: answer(path, form) }
      return { status, headers: { get: (name: string) => headers[name] }, text: async () => JSON.stringify(body) }
    },
  }
  function answer(path: string, form: URLSearchParams): unknown {
    if (path.startsWith('/.well-known')) {
      return {
        issuer: ISSUER, authorization_endpoint: `${ISSUER}/authorize`, token_endpoint: `${ISSUER}/token`,
        revocation_endpoint: `${ISSUER}/revocation`, end_session_endpoint: `${ISSUER}/end`, ...metadata,
      }
    }
    if (path !== '/token') return {}
    const asked = codes.get(form.get('code') ?? '')
    const claims = { iss: ISSUER, aud: 'app', sub: 'ada', nonce: asked?.get('nonce'), ...self.claims }
    const idToken = asked && `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
    return { access_token: `access-${++number}`, expires_in: 600, refresh_token: `refresh-${number}`, id_token: idToken }
  }
  return self
}

function memory(): OutboxStorage & { held: Map<string, string> } {
  const held = new Map<string, string>()
  return {
    held, getItem: (key) => held.get(key), setItem: (key, value) => void held.set(key, value),
    removeItem: (key) => void held.delete(key), keys: () => [...held.keys()],
  }
}

function app(at: ReturnType<typeof provider>, more: Partial<AuthClientOptions> & { client?: unknown; heard?: unknown; signIn?: unknown; secure?: ReturnType<typeof memory>; outbox?: ReturnType<typeof memory> } = {}) {
  const { secure = memory(), outbox = memory(), ...options } = more
  const client = createAuthClient({
    issuer: ISSUER, clientId: 'app', storage: secure, outboxStorage: outbox, fetch: (url, init) => at.fetch(url, init), timeoutMs: 1000,
    crypto: { randomBytes, sha256: (text) => createHash('sha256').update(text).digest() }, ...options,
  })
  const heard: AuthEvent[] = []
  client.on((event) => heard.push(event))
  const signIn = () => client.signIn.oidc({ redirectUri: 'com.example.app:/cb', browser: systemBrowser(at.open) })
  return { client, secure, outbox, heard, signIn }
}

test('one signs in, refreshes, and the refresh token is revoked at the sign-out', async () => {
  const id = provider()
  const { client, signIn, secure, outbox } = app(id)
  expect((await signIn()).user?.sub).toBe('ada')
  expect(await client.getAccessToken()).toBe('access-2')
  expect(await client.getAccessToken({ forceRefresh: true })).toBe('access-3')
  expect(secure.held.size).toBe(1)
  expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'revoked' })
  expect(id.of('/revocation')).toEqual([{ token: 'refresh-3', token_type_hint: 'refresh_token', client_id: 'app' }])
  expect([...secure.held.keys()]).toEqual([])
  expect([...outbox.held.values()].join()).not.toMatch(/refresh-3|access-3/)
})

test('a sign-out offline, on a cold start, is told later, from the keychain alone', async () => {
  const id = provider()
  const first = app(id)
  await first.signIn()
  first.client.dispose()
  id.rule = () => 'offline'
  const second = app(id, first)
  expect(await second.client.signOut()).toEqual({ local: 'cleared', remote: 'queued' })
  expect(second.client.status).toBe('signedOut')
  expect(await second.client.pendingSignOuts()).toBe(1)
  expect([...second.outbox.held.values()].join()).not.toContain('refresh-2')
  second.client.dispose()
  id.rule = () => undefined
  const third = app(id, first)
  expect(await third.client.initialize()).toBe('signedOut')
  expect(await third.client.flushSignOuts()).toBe(true)
  expect(id.of('/revocation')).toEqual([expect.objectContaining({ token: 'refresh-2' })])
  expect(third.secure.held.size).toBe(0)
})

test('a provider without a place to revoke at cannot be told, and that is said', async () => {
  const { client, signIn } = app(provider({ revocation_endpoint: undefined }))
  await signIn()
  expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'failed' })
  expect(client.status).toBe('signedOut')
})

test('when nothing can be written down, the provider is told at once, and the truth is told', async () => {
  const id = provider()
  const outbox = { ...memory(), setItem: () => { throw new Error('disk full') } }
  const { client, signIn, secure } = app(id, { outbox })
  await signIn()
  expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'revoked' })
  expect(secure.held.has('menshen.session')).toBe(false)
  await signIn()
  id.rule = () => 'offline'
  expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'failed' })
  client.dispose()
})

test('a storage that hangs holds no sign-out up', async () => {
  const id = provider()
  const secure = memory()
  const { client, signIn, heard } = app(id, { secure, timeoutMs: 200 })
  await signIn()
  secure.getItem = () => new Promise(() => undefined) as never
  expect(await client.signOut()).toEqual({ local: 'failed', remote: 'revoked' })
  expect(client.status).toBe('signedOut')
  await expect(client.getAccessToken()).rejects.toMatchObject({ code: 'signed_out' })
  expect(heard.filter(({ type }) => type === 'signedOut')).toHaveLength(1)
  client.dispose()
})

test('a broken disk does not keep a user from working', async () => {
  const secure = memory()
  const { client, signIn } = app(provider(), { secure })
  await signIn()
  const kept = secure.held.get('menshen.session')
  secure.setItem = () => { throw new Error('disk full') }
  expect(await client.getAccessToken({ forceRefresh: true })).toBe('access-3')
  expect(await client.getAccessToken()).toBe('access-3')
  expect(secure.held.get('menshen.session')).toBe(kept)
})

describe('a record that cannot be read', () => {
  test('at the start is told, stays, and does not keep anybody from signing in', async () => {
    const secure = memory()
    secure.held.set('menshen.session', '{"version":1,"id"')
    const { client, signIn, heard } = app(provider(), { secure })
    expect(await client.initialize()).toBe('signedOut')
    await Promise.resolve()
    expect(heard).toContainEqual({ type: 'signedOut', reason: 'storage_corrupt' })
    expect(secure.held.get('menshen.session')).toBe('{"version":1,"id"')
    await signIn()
    expect(await client.getAccessToken()).toBe('access-2')
  })

  test('is cleared by a sign-out, which says that nobody was told', async () => {
    const secure = memory()
    secure.held.set('menshen.session', '{"version":1,"id"')
    const { client } = app(provider(), { secure })
    expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'failed' })
    expect(secure.held.size).toBe(0)
  })

  test('only once is nothing', async () => {
    const first = app(provider())
    await first.signIn()
    const { getItem } = first.secure
    let reads = 0
    first.secure.getItem = (key) => (key.endsWith('session') && reads++ === 0 ? '{' : getItem(key))
    expect(await app(provider(), first).client.initialize()).toBe('active')
  })

  test('while somebody is signed in heals with the next refresh', async () => {
    const { client, signIn, secure } = app(provider())
    await signIn()
    secure.held.set('menshen.session', '{')
    expect(await client.getAccessToken({ forceRefresh: true })).toBe('access-3')
    expect(secure.held.get('menshen.session')).toContain('refresh-3')
  })
})

test('a storage that cannot be read yet leaves everything open, and is asked again', async () => {
  const first = app(provider())
  await first.signIn()
  const { getItem } = first.secure
  first.secure.getItem = () => { throw new Error('User interaction is not allowed') }
  const { client, heard } = app(provider(), first)
  await expect(client.initialize()).rejects.toMatchObject({ code: 'storage_unavailable' })
  await expect(client.signOut()).rejects.toMatchObject({ code: 'storage_unavailable' })
  expect(client.status).toBe('loading')
  expect(await client.foreground()).toBe('loading')
  first.secure.getItem = getItem
  expect(await client.foreground()).toBe('active')
  expect(heard.filter(({ type }) => type === 'signedOut')).toEqual([])
})

test('Menshen\'s account API is not asked of others', async () => {
  const id = provider()
  const { client, signIn } = app(id, { account: menshenAccount })
  await signIn()
  await expect(client.listSessions()).rejects.toMatchObject({ code: 'config' })
  await expect(client.signOut({ scope: 'all' })).rejects.toMatchObject({ code: 'config' })
  expect(id.told.map(({ path }) => path)).toEqual(['/token'])
  expect(client.status).toBe('active')
})

test('a client without an account knows of no other sessions, and says what is missing', async () => {
  const { client, signIn } = app(provider())
  await signIn()
  const missing = { code: 'config', message: expect.stringContaining('account') }
  await expect(client.listSessions()).rejects.toMatchObject(missing)
  await expect(client.revokeSession('x')).rejects.toMatchObject(missing)
  await expect(client.signOut({ scope: 'others' })).rejects.toMatchObject(missing)
  await expect(client.signOut({ scope: 'all' })).rejects.toMatchObject(missing)
  expect(client.status).toBe('active')
})

describe('an answer of the browser is refused', () => {
  test.each<[string, (back: string) => string, object, string]>([
    ['with another state', (back) => back.replace('state=', 'state=x'), {}, 'server'],
    ['without state', (back) => back.replace('state=', 'st='), {}, 'server'],
    ['by another provider', (back) => `${back}&iss=https://evil.example`, {}, 'config'],
    ['by nobody, where each is named', (back) => back, { authorization_response_iss_parameter_supported: true }, 'config'],
    ['that the user refused', (back) => back.replace('code=', 'error=access_denied&was='), {}, 'cancelled'],
    ['with an error and a code', (back) => `${back}&error=server_error`, {}, 'server'],
    ['with a state twice', (back) => `${back}&state=x`, {}, 'server'],
  ])('%s', async (_, falsify, metadata, code) => {
    const id = provider(metadata)
    const { client } = app(id)
    const open = async (address: string) => falsify(await id.open(address))
    await expect(client.signIn.oidc({ redirectUri: 'com.example.app:/cb', browser: systemBrowser(open) })).rejects.toMatchObject({ code })
    expect(client.status).toBe('signedOut')
    expect(id.of('/token')).toEqual([])
  })

  test('by a user who closed it', async () => {
    const { client } = app(provider())
    const open = () => Promise.reject(new Error('dismissed'))
    await expect(client.signIn.oidc({ redirectUri: 'x:/cb', browser: systemBrowser(open) })).rejects.toMatchObject({ code: 'cancelled' })
  })

  test('with an ID token for another request', async () => {
    const id = provider()
    id.claims = { nonce: 'other' }
    await expect(app(id).signIn()).rejects.toMatchObject({ code: 'config' })
  })
})

describe('what a provider says of itself is refused', () => {
  test.each([
    ['as another one', { issuer: 'https://evil.example' }],
    ['with tokens sent in the open', { token_endpoint: 'http://id.example/token' }],
    ['with no address', { token_endpoint: 'javascript:alert(1)' }],
    ['with something else', { token_endpoint: ['https://id.example/token'] }],
  ])('%s', async (_, metadata) => {
    await expect(app(provider(metadata)).signIn()).rejects.toMatchObject({ code: 'config' })
  })
})

test.each([['back', -1], ['forward', 1]])('a phone whose clock leaps %s a year refreshes once, and signs nobody out', async (_, years) => {
  let now = 1_800_000_000_000
  const id = provider()
  const { client, signIn, heard } = app(id, { now: () => now })
  await signIn()
  now += years * 365 * 24 * 3_600_000
  const next = await client.getAccessToken()
  expect(next).not.toBe('access-2')
  for (let call = 0; call < 5; call++) expect(await client.getAccessToken()).toBe(next)
  expect(id.of('/token')).toHaveLength(2)
  expect(heard.filter(({ type }) => type === 'signedOut')).toEqual([])
})

test('who asks ten times at once is asked for once', async () => {
  const id = provider()
  const { client, signIn } = app(id)
  await signIn()
  const asked = Array.from({ length: 10 }, () => client.getAccessToken({ forceRefresh: true }))
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['access-3']))
  expect(id.of('/token')).toHaveLength(2)
})

test('a sign-out during a refresh wins, and what the refresh brought is revoked as well', async () => {
  const id = provider()
  const { signIn, secure } = app(id)
  await signIn()
  let go = () => {}
  const { fetch } = id
  id.fetch = async (url, init) => {
    const answer = await fetch(url, init)
    if (url.endsWith('/token')) await new Promise<void>((done) => { go = done })
    return answer
  }
  const late = app(id, { secure, outbox: memory() })
  const refresh = late.client.getAccessToken({ forceRefresh: true })
  await expect.poll(() => id.of('/token').length).toBe(2)
  expect(await late.client.signOut()).toEqual({ local: 'cleared', remote: 'revoked' })
  go()
  await expect(refresh).rejects.toMatchObject({ code: 'signed_out' })
  await expect.poll(() => id.of('/revocation').map(({ token }) => token)).toEqual(['refresh-2', 'refresh-3'])
  await expect.poll(() => secure.held.size).toBe(0)
})

test('somebody else may sign in while a sign-out waits for a server that hangs', async () => {
  const id = provider()
  const { client, signIn } = app(id)
  await signIn()
  let go = () => {}
  const { fetch } = id
  id.fetch = async (url, init) => {
    if (url.endsWith('/revocation')) await new Promise<void>((done) => { go = done })
    return fetch(url, init)
  }
  const hanging = app(id, { timeoutMs: 5_000 })
  await hanging.signIn()
  const first = hanging.client.signOut()
  await expect.poll(() => hanging.client.status).toBe('signedOut')
  await hanging.signIn()
  expect(hanging.client.status).toBe('active')
  const second = hanging.client.signOut()
  await expect.poll(() => hanging.client.status).toBe('signedOut')
  expect(second).not.toBe(first)
  for (let times = 0; times < 3; times++) {
    go()
    await new Promise((done) => setImmediate(done))
  }
  client.dispose()
  hanging.client.dispose()
})

test('a server that asks for time is not asked again before it', async () => {
  const id = provider()
  let pass = () => {}
  const timers = {
    setTimeout: (work: () => void, ms: number) => (ms === 60_000 ? (pass = work) : setTimeout(work, ms)),
    clearTimeout: (timer: never) => clearTimeout(timer),
  }
  const { client, signIn } = app(id, { timers })
  await signIn()
  id.rule = () => ({ status: 503, headers: { 'retry-after': '60' } })
  const refusal = { code: 'server', retryAfterMs: 60_000 }
  await expect(client.getAccessToken({ forceRefresh: true })).rejects.toMatchObject(refusal)
  const asked = id.told.length
  await expect(client.getAccessToken({ forceRefresh: true })).rejects.toMatchObject(refusal)
  expect(id.told.length).toBe(asked)
  expect(client.status).toBe('active')
  id.rule = () => undefined
  pass()
  expect(await client.getAccessToken({ forceRefresh: true })).toMatch(/^access-/)
})

describe('an installation', () => {
  test('whose mark is gone inherits no session from the one before', async () => {
    const id = provider()
    const marker = memory()
    const first = app(id, { installMarker: marker })
    await first.signIn()
    expect(await app(id, { ...first, installMarker: marker }).client.initialize()).toBe('active')
    const { client, heard, secure } = app(id, { secure: first.secure, installMarker: memory() })
    expect(await client.initialize()).toBe('signedOut')
    expect(await client.flushSignOuts()).toBe(true)
    expect(heard).toContainEqual({ type: 'signedOut', reason: 'reinstalled', description: undefined })
    expect(id.of('/revocation')).toEqual([expect.objectContaining({ token: 'refresh-2' })])
    expect(secure.held.size).toBe(0)
  })

  test('whose mark cannot be read or written keeps its session', async () => {
    const id = provider()
    const broken = { ...memory(), getItem: () => { throw new Error('no') }, setItem: () => { throw new Error('no') } }
    const first = app(id, { installMarker: broken })
    await first.signIn()
    expect(await app(id, { ...first, installMarker: broken }).client.initialize()).toBe('active')
    expect(await app(id, { ...first, installMarker: memory() }).client.initialize()).toBe('active')
  })
})

test('tabs share what one of them learns, and each tells once', async () => {
  const id = provider()
  const one = app(id, { broadcast: webBroadcast() })
  const two = app(id, { secure: one.secure, outbox: one.outbox, broadcast: webBroadcast() })
  await two.client.initialize()
  await one.signIn()
  await expect.poll(() => two.client.status).toBe('active')
  expect(two.heard).toContainEqual({ type: 'signedIn' })
  const next = await one.client.getAccessToken({ forceRefresh: true })
  await expect.poll(() => two.client.getAccessToken()).toBe(next)
  await two.client.signOut()
  await expect.poll(() => one.client.status).toBe('signedOut')
  const ends = (events: AuthEvent[]) => events.filter(({ type }) => type === 'signedOut')
  expect(ends(two.heard)).toEqual([{ type: 'signedOut', reason: 'user', description: undefined }])
  expect(ends(one.heard)).toEqual([{ type: 'signedOut', reason: 'other_tab', description: undefined }])
  one.client.dispose()
  two.client.dispose()
})
