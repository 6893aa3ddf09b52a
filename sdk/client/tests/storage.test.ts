/** A storage that fails, hangs or forgets is not a sign-out; and what it is given, it can keep. */
import { describe, expect, test } from 'vitest'
import { openApp } from './harness/app.js'
import { openDevice, type Operation, type StorageFault } from './harness/device.js'
import { served } from './harness/served.js'

const server = await served('ada')

const RECORD = 'menshen.session'
const reads = ({ store, what, key }: Operation) => store === 'secure' && what === 'get' && key === RECORD

async function signedInDevice() {
  const device = openDevice()
  const app = openApp(server, { device })
  await app.signIn('ada')
  const token = await app.client.getAccessToken()
  app.client.dispose()
  return { device, token }
}

describe('at the start', () => {
  test.concurrent.each<[string, StorageFault]>([
    ['throws', 'throw'], ['answers and throws', 'throw after'], ['hangs', 'hang'],
  ])('a storage that %s leaves everything open, and the next look finds the session', async (_, fault) => {
    const { device, token } = await signedInDevice()
    const { client, told } = openApp(server, { device, timeoutMs: 1_000 })
    device.rule = () => fault
    await expect(client.initialize()).rejects.toMatchObject({ code: 'storage_unavailable', retryable: true })
    await expect(client.getAccessToken()).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(client.status).toBe('loading')
    device.rule = () => undefined
    expect(await client.foreground()).toBe('active')
    expect(await server.operator.isActive(await client.getAccessToken())).toBe(true)
    expect(await server.operator.sessionLives(token)).toBe(true)
    expect(told('signedOut')).toEqual([])
    client.dispose()
  })

  test.each<[string, StorageFault]>([
    ['nothing', 'undefined'], ['half a record', 'corrupt'],
  ])('a storage that gives back %s loses nothing, and ends nothing', async (_, fault) => {
    const { device, token } = await signedInDevice()
    const { client } = openApp(server, { device })
    device.rule = (operation) => (reads(operation) ? fault : undefined)
    expect(await client.initialize()).toBe('signedOut')
    client.dispose()
    device.rule = () => undefined
    const next = openApp(server, { device }).client
    expect(await next.getAccessToken()).toBe(token)
    expect(await server.operator.sessionLives(token)).toBe(true)
    next.dispose()
  })

  test('half a record that is whole at the second look is no matter', async () => {
    const { device, token } = await signedInDevice()
    const { client, events } = openApp(server, { device })
    let looks = 0
    device.rule = (operation) => (reads(operation) && looks++ === 0 ? 'corrupt' : undefined)
    expect(await client.getAccessToken()).toBe(token)
    expect(events.filter(({ type }) => type === 'signedOut' || type === 'error')).toEqual([])
    client.dispose()
  })
})

describe('during a refresh', () => {
  test.concurrent.each<[string, StorageFault, Operation['what']]>([
    ['does not read', 'throw', 'get'], ['does not write', 'throw', 'set'], ['hangs while it writes', 'hang', 'set'],
    ['writes and throws', 'throw after', 'set'], ['hangs while it reads', 'hang', 'get'],
  ])('a storage that %s signs nobody out, and the next refresh works', async (_, fault, what) => {
    const device = openDevice()
    const { client, signIn, told } = openApp(server, { device, timeoutMs: 2_000 })
    await signIn('ada')
    device.rule = (operation) => (operation.what === what && operation.key === RECORD ? fault : undefined)
    await client.getAccessToken({ forceRefresh: true }).catch((error) => expect(error.retryable).toBe(true))
    expect(client.status).toBe('active')
    device.rule = () => undefined
    expect(await server.operator.isActive(await client.getAccessToken({ forceRefresh: true }))).toBe(true)
    expect(told('signedOut')).toEqual([])
    client.dispose()
  })
})

test('a storage that once gives back nothing has lost no session', async () => {
  const device = openDevice()
  const { client, signIn, told } = openApp(server, { device })
  await signIn('ada')
  let looks = 0
  device.rule = (operation) => (operation.what === 'get' && operation.key === RECORD && looks++ === 0 ? 'undefined' : undefined)
  expect(await server.operator.isActive(await client.getAccessToken({ forceRefresh: true }))).toBe(true)
  expect(looks).toBeGreaterThan(1)
  expect(told('signedOut')).toEqual([])
  client.dispose()
})

test('every key is made of what keychains take', async () => {
  const device = openDevice()
  const { client, signIn } = openApp(server, { device })
  await signIn('ada')
  await client.getAccessToken({ forceRefresh: true })
  await client.signOut()
  const keys = device.log.filter(({ what }) => what !== 'keys').map(({ key }) => key)
  expect(keys.length).toBeGreaterThan(5)
  expect(keys.filter((key) => !/^[A-Za-z0-9._-]+$/.test(key))).toEqual([])
  client.dispose()
})
