/** A session that is ended elsewhere: heard of at once by push, and without it on the way back to the app. */
import { describe, expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import { sseEvents, webSocketEvents } from '../src/push.js'
import { openApp, type App, type AppOptions } from './harness/app.js'
import { served } from './harness/served.js'
import { until } from './harness/until.js'

const server = await served()

let users = 0

/** A user of the test's own, signed in by so many apps. */
async function signedIn(...options: AppOptions[]): Promise<App[]> {
  const name = `user${++users}`
  await server.operator.addUser(name)
  const apps = options.map((each) => openApp(server, each))
  for (const app of apps) await app.signIn(name)
  onTestFinished(() => apps.forEach(({ client }) => client.dispose()))
  return apps
}

const ends = ({ told }: App) => told('signedOut').map(({ reason, description }) => [reason, description])
const REMOTE = ['remote_logout', 'You signed this device out from another device.']

/** Opens the stream as `open` does, and counts what it said. */
function watched(open: typeof STREAMS[number][1]) {
  const streams = { ready: 0, open: 0 }
  const events = open((name) => name === 'ready' && streams.ready++)
  return { streams, events }
}

type Heard = (name: string) => void
const STREAMS: [string, (heard: Heard) => AppOptions['events']][] = [
  ['SSE', (heard) => sseEvents(async (url, init) => {
    const answer = await fetch(url, init)
    if (answer.status === 200) heard('ready')
    return answer as never
  })],
  ['WebSocket', (heard) => webSocketEvents(class extends WebSocket {
    constructor(url: string, protocols: string[], options: object) {
      super(url, protocols, options)
      this.on('open', () => heard('ready'))
    }
  } as never)],
]

describe.each(STREAMS)('by %s', (_, open) => {
  test('a session that another device ends is over at once, for that reason, and once', async () => {
    const { streams, events } = watched(open)
    const [here, there] = await signedIn({ events }, {})
    await until('the stream is open', () => streams.ready > 0)
    const other = (await there!.client.listSessions()).find(({ current }) => !current)
    await there!.client.revokeSession(other!.id)
    await until('the end is heard of', () => here!.client.status === 'signedOut', 2_000)
    await here!.client.foreground()
    expect(ends(here!)).toEqual([REMOTE])
    expect(here!.device.contents()).not.toContain('accessToken')
    await expect(here!.client.getAccessToken()).rejects.toMatchObject({ code: 'signed_out' })
    expect(ends(there!)).toEqual([])
  })

  test('who signs in again is left alone by the end of the session before', async () => {
    const { streams, events } = watched(open)
    const [here] = await signedIn({ events })
    await until('the stream is open', () => streams.ready === 1)
    await here!.client.signOut()
    await here!.signIn(`user${users}`)
    await until('the stream is open again', () => streams.ready === 2)
    expect(here!.client.status).toBe('active')
    expect(ends(here!)).toEqual([['user', undefined]])
  })
})

describe.each(STREAMS)('by %s', (_, open) => {
  test.each<[string, (app: App) => Promise<unknown>]>([
    ['signs out everywhere', ({ client }) => client.signOut({ scope: 'all' })],
    ['ends its own session in the list', async ({ client }) => {
      const own = (await client.listSessions()).find(({ current }) => current)
      await client.revokeSession(own!.id)
    }],
  ])('a device that %s has done so itself, whatever the stream says', async (_, deed) => {
    const { streams, events } = watched(open)
    const [here] = await signedIn({ events })
    await until('the stream is open', () => streams.ready > 0)
    await deed(here!)
    expect(ends(here!)).toEqual([['user', undefined]])
  })
})

test('without push it is found on the way back to the app', async () => {
  const [here, there] = await signedIn({}, {})
  await there!.client.signOut({ scope: 'others' })
  expect(here!.client.status).toBe('active')
  expect(await here!.client.foreground()).toBe('signedOut')
  expect(ends(here!)).toEqual([REMOTE])
  expect(there!.client.status).toBe('active')
})

test('a sign-out everywhere is one call, and tells each device why', async () => {
  const [here, there, third] = await signedIn({}, {}, {})
  expect(await here!.client.signOut({ scope: 'all' })).toEqual({ local: 'cleared', remote: 'revoked' })
  expect(ends(here!)).toEqual([['user', undefined]])
  expect(await here!.client.pendingSignOuts()).toBe(0)
  for (const app of [there!, third!]) {
    await app.client.foreground()
    expect(ends(app)).toEqual([['logout_everywhere', 'You signed out everywhere.']])
  }
})

test('a device that ends its own session in the list is signed out', async () => {
  const [here] = await signedIn({})
  const own = (await here!.client.listSessions()).find(({ current }) => current)
  await here!.client.revokeSession(own!.id)
  expect(here!.client.status).toBe('signedOut')
  expect(ends(here!)).toEqual([['user', undefined]])
})

test('every device is in the list, however many there are', async () => {
  const apps = await signedIn(...Array.from({ length: 12 }, () => ({})))
  const sessions = await apps[0]!.client.listSessions()
  expect(sessions).toHaveLength(12)
  expect(sessions.filter(({ current }) => current)).toHaveLength(1)
})

test('what was refused to one user is not asked for again as the next one', async () => {
  const [app] = await signedIn({})
  const theirs = await app!.client.getAccessToken()
  await app!.client.signOut()
  const name = `user${++users}`
  await server.operator.addUser(name)
  await app!.signIn(name)
  await expect(app!.client.getAccessToken({ refused: theirs })).rejects.toMatchObject({ code: 'signed_out' })
  expect(await app!.client.getAccessToken()).not.toBe(theirs)
  expect(app!.client.status).toBe('active')
})

test('a client that is disposed of in the middle of a refresh leaves the session as it is', async () => {
  const [app] = await signedIn({})
  const refresh = app!.client.getAccessToken({ forceRefresh: true })
  app!.client.dispose()
  await refresh.catch(() => undefined)
  const { client } = openApp(server, { device: app!.device })
  onTestFinished(() => client.dispose())
  expect(await server.operator.isActive(await client.getAccessToken({ forceRefresh: true }))).toBe(true)
})
