/** What a storage adapter promises, as cases for any test runner. */
import type { OutboxStorage, SessionStorage } from '@menshen/client'

/** Opens the adapter over one and the same device; each call is a start of the app. */
export type Device = () => SessionStorage | OutboxStorage

export interface ContractCase {
  /** The promise, as a sentence. */
  name: string
  /** Rejects when it is broken. */
  run(): Promise<void>
}

const KEY = 'menshen.session'
const EVERY_CHARACTER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_'
const OTHER = JSON.stringify({ text: 'another value '.repeat(1_000) })
const LARGE = JSON.stringify({ text: '"quoted" \\ 中文 🗝 '.repeat(500) })

const PROMISES: [string, (device: Device) => Promise<void>][] = [
  ['a value is read back', async (device) => {
    const storage = device()
    await storage.setItem(KEY, '{"version":1}')
    await expectValue(storage, KEY, '{"version":1}')
  }],
  ['a value outlives the app', async (device) => {
    await device().setItem(KEY, 'kept')
    await expectValue(device(), KEY, 'kept')
  }],
  ['what was never set is nothing', (device) => expectValue(device(), KEY, null)],
  ['a value takes the place of the one before', async (device) => {
    const storage = device()
    for (const value of ['first', LARGE, 'second', LARGE, OTHER, 'third']) {
      await storage.setItem(KEY, value)
      await expectValue(storage, KEY, value)
    }
  }],
  ['a removed value is gone, for the next start, too', async (device) => {
    for (const value of ['short', LARGE]) {
      const storage = device()
      await storage.setItem(KEY, value)
      await expectValue(storage, KEY, value)
      await storage.removeItem(KEY)
      await expectValue(storage, KEY, null)
      await expectValue(device(), KEY, null)
    }
  }],
  ['removing what is not there is no error', async (device) => {
    await device().removeItem(KEY)
  }],
  ['a value may be large, and in any language', async (device) => {
    await device().setItem(KEY, LARGE)
    await expectValue(device(), KEY, LARGE)
  }],
  ['a key may hold letters, digits, dots, hyphens and underscores', async (device) => {
    const storage = device()
    await storage.setItem(EVERY_CHARACTER, 'kept')
    await expectValue(storage, EVERY_CHARACTER, 'kept')
  }],
  ['keys do not disturb each other', async (device) => {
    const storage = device()
    await storage.setItem(KEY, LARGE)
    await storage.setItem(`${KEY}.more`, 'kept')
    await storage.removeItem(KEY)
    await expectValue(storage, `${KEY}.more`, 'kept')
  }],
  ['calls at once leave one of their values', async (device) => {
    const storage = device()
    const values = [OTHER, 'short', LARGE]
    await Promise.all(values.map((value) => storage.setItem(KEY, value)))
    const found = await storage.getItem(KEY)
    if (!values.includes(found ?? '')) throw new Error('what is read was never set')
  }],
  ['an outbox names the keys that it has', async (device) => {
    const storage = device()
    if (!('keys' in storage)) return
    await storage.setItem('menshen.signout.a', 'kept')
    await storage.setItem('menshen.signout.b', 'kept')
    await storage.removeItem('menshen.signout.a')
    const keys = await (device() as OutboxStorage).keys()
    if (!keys.includes('menshen.signout.b')) throw new Error('a key is not named')
    if (keys.includes('menshen.signout.a')) throw new Error('the key of a removed value is named')
  }],
]

/**
 * The cases for an adapter. `make` makes a new, empty device for each:
 *
 * ```ts
 * test.each(storageContract(() => {
 *   const module = fakeSecureStore()
 *   return () => secureStore(module)
 * }))('$name', ({ run }) => run())
 * ```
 */
export function storageContract(make: () => Device): ContractCase[] {
  return PROMISES.map(([name, promise]) => ({ name, run: () => promise(make()) }))
}

async function expectValue(storage: SessionStorage, key: string, expected: string | null): Promise<void> {
  const found = (await storage.getItem(key)) ?? null
  if (found === expected) return
  const show = (value: string | null) => (value === null ? 'nothing' : `${value.length} characters`)
  throw new Error(`${key} should have read as ${show(expected)}, and was ${show(found)}`)
}
