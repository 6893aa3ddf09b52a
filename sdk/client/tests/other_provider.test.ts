/** The client at a provider that is not Menshen, and that others wrote. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { systemBrowser } from '../src/browser.js'
import { createAuthClient, type AuthClientOptions } from '../src/index.js'
import { openDevice } from './harness/device.js'
import { REDIRECT_URI, startProvider, type OtherProvider } from './harness/provider.js'

let provider: OtherProvider

beforeAll(async () => {
  provider = await startProvider()
})

afterAll(() => provider?.stop())

function openApp(device = openDevice(), options: Partial<AuthClientOptions> = {}) {
  const client = createAuthClient({ issuer: provider.issuer, clientId: 'app', ...device.storages(), ...options })
  onTestFinished(() => client.dispose())
  const signIn = () => client.signIn.oidc({ redirectUri: REDIRECT_URI, browser: systemBrowser(provider.open) })
  const refreshToken = (): string => JSON.parse(device.secure.get('menshen.session') ?? '{}').refreshToken
  return { client, device, signIn, refreshToken }
}

test('signs in with the browser, refreshes with rotation, and signs out', async () => {
  const { client, device, signIn, refreshToken } = openApp()
  expect(await signIn()).toMatchObject({ user: { sub: 'ada' } })
  const first = refreshToken()
  await client.getAccessToken({ forceRefresh: true })
  const second = refreshToken()
  expect(second).not.toBe(first)
  expect([await provider.takes(first), await provider.takes(second)]).toEqual([false, true])
  expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'revoked' })
  expect(await provider.takes(second)).toBe(false)
  expect(device.contents()).not.toContain(second)
})

test('ten calls at once are one refresh, and a restart goes on with it', async () => {
  const { client, device, signIn, refreshToken } = openApp()
  await signIn()
  const tokens = await Promise.all(Array.from({ length: 10 }, () => client.getAccessToken({ forceRefresh: true })))
  expect(new Set(tokens).size).toBe(1)
  client.dispose()
  const next = openApp(device)
  expect(await next.client.getAccessToken()).toBe(tokens[0])
  await next.client.getAccessToken({ forceRefresh: true })
  expect(await provider.takes(refreshToken())).toBe(true)
})

test('signs out without a network: the refresh token stays in secure storage until it is revoked', async () => {
  let isOnline = true
  const device = openDevice()
  const { client, signIn, refreshToken } = openApp(device, {
    fetch: (url, init) => (isOnline ? fetch(url, init) : Promise.reject(new TypeError('offline'))),
  })
  await signIn()
  const [access, refresh] = [await client.getAccessToken(), refreshToken()]
  isOnline = false
  expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'queued' })
  client.dispose()
  expect(device.contents()).not.toContain(access)
  expect([...device.outbox.values()].join()).not.toContain(refresh)
  expect([...device.secure.values()]).toEqual([expect.stringContaining(refresh)])
  expect(await provider.takes(refresh)).toBe(true)

  const next = openApp(device).client
  expect(await next.initialize()).toBe('signedOut')
  expect(await next.flushSignOuts()).toBe(true)
  expect(await provider.takes(refresh)).toBe(false)
  expect(device.contents()).not.toContain(refresh)
})

test('a session that the provider has ended is over at the next refresh, and only once', async () => {
  const { client, device, signIn, refreshToken } = openApp()
  const told: string[] = []
  client.on((event) => event.type === 'signedOut' && told.push(event.reason))
  await signIn()
  await fetch(`${provider.issuer}/token/revocation`, {
    method: 'POST', body: new URLSearchParams({ token: refreshToken(), client_id: 'app' }),
  })
  await expect(client.getAccessToken({ forceRefresh: true })).rejects.toMatchObject({ code: 'session_revoked' })
  await expect(client.getAccessToken()).rejects.toMatchObject({ code: 'signed_out' })
  expect(told).toHaveLength(1)
  expect(device.secure.size).toBe(0)
})
