/** The contract of a storage adapter: the memory store keeps it, and each way to break it is found out. */
import { expect, test } from '@jest/globals'
import { faultyStorage, memoryStorage, storageContract, type Device, type StorageCall, type StorageFault } from '@menshen/testing'

test.each(storageContract(() => {
  const { values } = memoryStorage()
  return () => memoryStorage(values)
}))('memoryStorage: $name', ({ run }) => run())

async function broken(make: () => Device): Promise<string[]> {
  const names: string[] = []
  for (const { name, run } of storageContract(make)) {
    await run().catch(() => names.push(name))
  }
  return names
}

const faulty = (fault: (call: StorageCall) => StorageFault | undefined) => () => {
  const { values } = memoryStorage()
  return () => faultyStorage(memoryStorage(values), fault)
}

const only = (method: StorageCall['method'], fault: StorageFault) =>
  faulty((call) => (call.method === method ? fault : undefined))

test.each([
  ['removes nothing', only('removeItem', 'forgets'), 'a removed value is gone, for the next start, too'],
  ['removes nothing', only('removeItem', 'forgets'), 'an outbox names the keys that it has'],
  ['keeps nothing', only('setItem', 'forgets'), 'a value is read back'],
  ['keeps half', only('setItem', 'garbles'), 'a value may be large, and in any language'],
  ['reads nothing', only('getItem', 'forgets'), 'a value is read back'],
  ['makes something up', only('getItem', 'garbles'), 'what was never set is nothing'],
  ['names no keys', only('keys', 'forgets'), 'an outbox names the keys that it has'],
  ['fails to remove what is not there', only('removeItem', 'throws'), 'removing what is not there is no error'],
  ['keeps values only while the app runs', () => () => memoryStorage(), 'a value outlives the app'],
  ['keeps the first value', faulty(({ method, number }) => (method === 'setItem' && number > 1 ? 'forgets' : undefined)),
    'a value takes the place of the one before'],
  ['refuses dots', faulty(({ key }) => (key.includes('.') ? 'throws' : undefined)),
    'a key may hold letters, digits, dots, hyphens and underscores'],
  ['removes what has a longer name, too', () => {
    const storage = memoryStorage()
    const removeItem = async (key: string) => {
      for (const name of storage.values.keys()) if (name.startsWith(key)) storage.values.delete(name)
    }
    return () => ({ ...storage, removeItem })
  }, 'keys do not disturb each other'],
  ['mixes up calls at once', () => {
    const { values } = memoryStorage()
    const store = memoryStorage(values)
    const count = (key: string) => Number(values.get(key) ?? 0)
    return () => ({
      ...store,
      async setItem(key: string, value: string) {
        const pieces = value.match(/.{1,1000}/gs) ?? []
        for (const [index, piece] of pieces.entries()) await store.setItem(`${key}/${index}`, piece)
        await store.setItem(key, String(pieces.length))
      },
      getItem: async (key: string) =>
        Array.from({ length: count(key) }, (_, index) => values.get(`${key}/${index}`)).join(''),
    })
  }, 'calls at once leave one of their values'],
] as [string, () => Device, string][])('a storage that %s is found out', async (_, make, name) => {
  expect(await broken(make)).toContain(name)
})
