/** Large values in a store of small ones: killed at every step, a value is the old one or the new one. */
import { expect, test } from '@jest/globals'
import { secureStore } from '@menshen/react-native'
import { fakeSecureStore, type FakeSecureStore } from '@menshen/testing'

const KEY = 'menshen.session'
const LARGE = 'old '.repeat(2_000)
const LARGER = 'new! '.repeat(2_500)

/** A module whose app is killed before its call `last + 1`: no call after that ever happens. */
function killedAfter(module: FakeSecureStore, last: number): FakeSecureStore {
  let calls = 0
  const alive = () => (calls++ < last ? undefined : new Promise<never>(() => undefined))
  return {
    ...module,
    getItemAsync: async (key) => (await alive()) ?? module.getItemAsync(key),
    setItemAsync: async (key, value) => (await alive()) ?? module.setItemAsync(key, value),
    deleteItemAsync: async (key) => (await alive()) ?? module.deleteItemAsync(key),
  }
}

/** Waits for some work, or until it stands still because the app was killed: nothing here needs a timer. */
async function untilKilled(work: Promise<unknown> | void): Promise<'done' | 'killed'> {
  const stillness = new Promise<'killed'>((still) => setTimeout(() => still('killed'), 0))
  return Promise.race([Promise.resolve(work).then(() => 'done' as const), stillness])
}

/** Runs `work` over what `before` left, killed after each number of calls; then looks. */
async function atEveryStep(
  before: string,
  work: (storage: ReturnType<typeof secureStore>) => Promise<unknown> | void,
  look: (module: FakeSecureStore, found: string | null, done: boolean) => Promise<void> | void,
): Promise<number> {
  for (let step = 0; step < 100; step++) {
    const module = fakeSecureStore({ limitBytes: 2_048 })
    await secureStore(module).setItem(KEY, before)
    const result = await untilKilled(work(secureStore(killedAfter(module, step))))
    await look(module, (await secureStore(module).getItem(KEY)) ?? null, result === 'done')
    if (result === 'done') return step
  }
  throw new Error('the work never ends')
}

test.each([
  ['a large value by a larger one', LARGE, LARGER],
  ['a larger value by a large one', LARGER, LARGE],
  ['a small value by a large one', 'small', LARGE],
  ['a large value by a small one', LARGE, 'small'],
])('replacing %s leaves one of the two, and nothing of the old one in the end', async (_, before, after) => {
  const steps = await atEveryStep(before, (storage) => storage.setItem(KEY, after), async (module, found, done) => {
    expect([before, after]).toContain(found)
    if (done) expect(found).toBe(after)
    await secureStore(module).setItem(KEY, 'settled')
    expect([...module.values.entries()]).toEqual([[KEY, 'settled']])
  })
  expect(steps).toBeGreaterThan(3)
})

test.each([['large', LARGE], ['small', 'small']])('removing a %s value leaves it or nothing, and no pieces in the end', async (_, before) => {
  const steps = await atEveryStep(before, (storage) => storage.removeItem(KEY), async (module, found, done) => {
    expect([before, null]).toContain(found)
    if (found === null) expect([...module.values.keys()]).toEqual([])
    if (done) expect(found).toBeNull()
    await secureStore(module).removeItem(KEY)
    expect([...module.values.keys()]).toEqual([])
  })
  expect(steps).toBeGreaterThan(2)
})

test('pieces that a kill left behind go when the value is removed', async () => {
  const module = fakeSecureStore()
  await secureStore(module).setItem(KEY, LARGE)
  await untilKilled(secureStore(killedAfter(module, 4)).setItem(KEY, LARGER))
  expect([...module.values.values()].join('')).toContain('new!')
  await secureStore(module).removeItem(KEY)
  expect([...module.values.keys()]).toEqual([])
})

test('a value whose pieces are lost is not taken for a shorter one, and not for none', async () => {
  const module = fakeSecureStore()
  await secureStore(module).setItem(KEY, JSON.stringify({ text: LARGE }))
  module.values.delete(`${KEY}.a.1`)
  const found = await secureStore(module).getItem(KEY)
  expect(found).toBeTruthy()
  expect(() => JSON.parse(found ?? '')).toThrow()
})

test('a value that looks like the note of where its pieces are is kept as it is', async () => {
  const storage = secureStore(fakeSecureStore())
  for (const value of ['menshen-pieces:a:3:100', 'menshen-pieces:gone']) {
    await storage.setItem(KEY, value)
    expect(await storage.getItem(KEY)).toBe(value)
  }
})

test('a value that can be removed but not be read is removed', async () => {
  const module = fakeSecureStore()
  await secureStore(module).setItem(KEY, LARGE)
  const unreadable = { ...module, getItemAsync: async () => { throw new Error('the key is gone') } }
  await secureStore(unreadable).removeItem(KEY)
  expect([...module.values.keys()]).toEqual([])
})

test('one that is read while another is written is the old one or the new one', async () => {
  const storage = secureStore(fakeSecureStore())
  await storage.setItem(KEY, LARGE)
  const [, found] = await Promise.all([storage.setItem(KEY, LARGER), storage.getItem(KEY)])
  expect([LARGE, LARGER]).toContain(found)
})

test('a value that is far too large is refused, and the old one stays', async () => {
  const storage = secureStore(fakeSecureStore())
  await storage.setItem(KEY, 'old')
  await expect(storage.setItem(KEY, 'x'.repeat(100_000))).rejects.toThrow('too large')
  expect(await storage.getItem(KEY)).toBe('old')
})
