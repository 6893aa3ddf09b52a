/** What is kept on a device, and what is made of a storage that fails, hangs or answers nonsense. */
import { describe, expect, test } from 'vitest'
import { openClock } from './clock.js'
import { openStorage, type OutboxStorage, type StoredSession } from './storage.js'

const clock = openClock(globalThis, () => Date.now())

const SESSION: StoredSession = {
  version: 1, id: 'abc', accessToken: 'a', accessObtainedAt: 1, accessExpiresAt: 2, refreshToken: 'r', refreshKey: 'k',
  ending: { endpoint: 'https://id.example/account/logout', handle: 'h' },
}

/** A storage that remembers the keys it was asked for. */
function memory(found?: unknown): OutboxStorage & { asked: string[]; held: Map<string, string> } {
  const held = new Map<string, string>()
  const asked: string[] = []
  return {
    held,
    asked,
    getItem: (key) => (asked.push(key), found === undefined ? held.get(key) : found as string),
    setItem: (key, value) => void (asked.push(key), held.set(key, value)),
    removeItem: (key) => void held.delete(key),
    keys: () => [...held.keys()],
  }
}

const open = (storage: OutboxStorage, more: object = {}) =>
  openStorage({ storage, outboxStorage: storage, storagePrefix: 'shop.app', timeoutMs: 100, ...more }, clock)

test('a session comes back as it was kept', async () => {
  const storage = open(memory())
  expect(await storage.session.read()).toBeNull()
  await storage.session.write(SESSION)
  expect(await storage.session.read()).toEqual(SESSION)
  await storage.session.remove()
  expect(await storage.session.read()).toBeNull()
})

test('keys are of letters, digits, dot, dash and underscore, as SecureStore has them', async () => {
  const place = memory()
  const storage = open(place, { installMarker: place })
  await storage.session.write(SESSION)
  await storage.secret('a-b_c').write('r')
  await storage.signOut('a-b_c').write({ version: 1, id: 'a-b_c', state: 'pending', since: 1 })
  await storage.marker?.write('1')
  expect(place.asked.length).toBeGreaterThan(3)
  for (const key of place.asked) expect(key).toMatch(/^[A-Za-z0-9._-]+$/)
})

describe('what an adapter gives for nothing is nothing', () => {
  test.each([[null], [''], ['null'], ['undefined']])('%j', async (found) => {
    expect(await open(memory(found)).session.read()).toBeNull()
  })
})

describe('what is no session is told as corrupt, and nothing of it is quoted', () => {
  test.each([
    ['{"version":1,"id"'], ['[]'], ['7'], ['"secret-token"'], ['{}'],
    [JSON.stringify({ ...SESSION, version: 2 })],
    [JSON.stringify({ ...SESSION, accessToken: 7 })],
    [JSON.stringify({ ...SESSION, accessExpiresAt: 'tomorrow' })],
    [JSON.stringify({ ...SESSION, ending: null })],
    ['secret-token'],
  ])('%s', async (found) => {
    const error = await open(memory(found)).session.read().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'storage_corrupt', retryable: false })
    expect(String((error as Error).stack) + JSON.stringify(error)).not.toContain('secret-token')
  })
})

test('a sign-out that cannot be read is a session that is over, and waits for nobody', async () => {
  const place = memory()
  place.held.set('shop.app.signout.abc', '{"version":1,"i')
  expect(await open(place).signOut('abc').read()).toMatchObject({ id: 'abc', state: 'done' })
  expect(await open(place).signOuts()).toEqual([expect.objectContaining({ id: 'abc', state: 'done' })])
})

test('keys of others are left alone', async () => {
  const place = memory()
  place.held.set('other.signout.x', '{}').set('shop.app.session', JSON.stringify(SESSION)).set('x', 'y')
  expect(await open(place).signOuts()).toEqual([])
})

describe('a storage that fails is unavailable', () => {
  test.each<[string, Partial<OutboxStorage>]>([
    ['by a throw', { getItem: () => { throw new Error('User interaction is not allowed') } }],
    ['by a rejection', { getItem: () => Promise.reject(new Error('User interaction is not allowed')) }],
    ['by silence', { getItem: () => new Promise(() => undefined) }],
  ])('%s', async (_, broken) => {
    await expect(open({ ...memory(), ...broken }).session.read())
      .rejects.toMatchObject({ code: 'storage_unavailable', retryable: true })
  })
})

describe('one piece of work at a time', () => {
  const inOrder = async (storages: ReturnType<typeof open>[]) => {
    const log: string[] = []
    await Promise.all(storages.map((storage, at) => storage.alone(async () => {
      log.push(`${at} begins`)
      await new Promise((done) => setImmediate(done))
      log.push(`${at} ends`)
    })))
    return log
  }

  test('also of two clients of one storage', async () => {
    const place = memory()
    expect(await inOrder([open(place), open(place)])).toEqual(['0 begins', '0 ends', '1 begins', '1 ends'])
  })

  test('a piece that fails does not stop the next', async () => {
    const storage = open(memory())
    const first = storage.alone(async () => { throw new Error('no') })
    const second = storage.alone(async () => 'yes')
    await expect(first).rejects.toThrow('no')
    expect(await second).toBe('yes')
  })

  test('under a lock, by its name', async () => {
    const names: string[] = []
    const lock = async (name: string, work: () => Promise<unknown>) => (names.push(name), work())
    expect(await open(memory(), { lock }).alone(async () => 'done')).toBe('done')
    expect(names).toEqual(['shop.app.storage'])
  })

  test('a lock that fails, or whose holder is frozen, is done without, and the work is done once', async () => {
    let times = 0
    const timers = { setTimeout: (work: () => void) => setImmediate(work), clearTimeout: (timer: NodeJS.Immediate) => clearImmediate(timer) }
    const quick = openClock(timers, () => 0)
    for (const lock of [() => new Promise(() => undefined), () => Promise.reject(new Error('no'))]) {
      const storage = openStorage({ storage: memory(), outboxStorage: memory(), storagePrefix: 'x', timeoutMs: 100, lock }, quick)
      expect(await storage.alone(async () => ++times)).toBe(times)
    }
    expect(times).toBe(2)
  })
})
