/** Every storage adapter keeps the contract; and an adapter that does not is found out. */
import { expect, jest, test } from '@jest/globals'
import { asyncStorage, keychain, mmkv, secureStore } from '@menshen/react-native'
import { fakeKeychain, fakeSecureStore, storageContract, type Device } from '@menshen/testing'
import AsyncStorage from '@react-native-async-storage/async-storage'
import { createMMKV } from 'react-native-mmkv'

jest.mock('@react-native-async-storage/async-storage', () =>
  require('@react-native-async-storage/async-storage/jest/async-storage-mock'))
jest.mock('react-native-nitro-modules', () => ({ NitroModules: { createHybridObject: () => ({}) } }))

/** The contract of an adapter over a stand-in, or over the mock that the module ships. */
const devices: Record<string, () => Device> = {
  secureStore: () => {
    const module = fakeSecureStore({ limitBytes: 2_048 })
    return () => secureStore(module)
  },
  keychain: () => {
    const module = fakeKeychain()
    return () => keychain(module)
  },
  asyncStorage: () => {
    void AsyncStorage.clear()
    return () => asyncStorage(AsyncStorage)
  },
  mmkv: () => {
    const instance = createMMKV()
    instance.clearAll()
    return () => mmkv(instance)
  },
  'mmkv before version 4': () => {
    const values = new Map<string, string>()
    const instance = {
      getString: (key: string) => values.get(key),
      set: (key: string, value: string) => void values.set(key, value),
      delete: (key: string) => void values.delete(key),
      getAllKeys: () => [...values.keys()],
    }
    return () => mmkv(instance)
  },
}

for (const [name, make] of Object.entries(devices)) {
  test.each(storageContract(make))(`${name}: $name`, ({ run }) => run())
}

/** Which promises a device breaks. */
async function broken(make: () => Device): Promise<string[]> {
  const names: string[] = []
  for (const { name, run } of storageContract(make)) {
    await run().catch(() => names.push(name))
  }
  return names
}

const REMOVAL = 'a removed value is gone, for the next start, too'

test.each([
  ['secureStore', () => {
    const module = { ...fakeSecureStore(), deleteItemAsync: async () => undefined }
    return () => secureStore(module)
  }],
  ['keychain', () => {
    const module = { ...fakeKeychain(), resetGenericPassword: async () => true }
    return () => keychain(module)
  }],
  ['asyncStorage', () => {
    void AsyncStorage.clear()
    const module = Object.assign(Object.create(AsyncStorage), { removeItem: async () => undefined })
    return () => asyncStorage(module)
  }],
] as [string, () => Device][])('a %s that removes nothing is found out', async (_, make) => {
  expect(await broken(make)).toContain(REMOVAL)
})

test('a module that resolves undefined for everything, as mocks do, is found out', async () => {
  const module = { getItemAsync: async () => undefined, setItemAsync: async () => {}, deleteItemAsync: async () => {} }
  expect(await broken(() => () => secureStore(module))).toEqual(expect.arrayContaining(['a value is read back', REMOVAL]))
})

test('undefined is nothing', async () => {
  const module = { ...fakeSecureStore(), getItemAsync: async () => undefined }
  expect(await secureStore(module).getItem('menshen.session')).toBeNull()
  const async = { ...AsyncStorage, getItem: async () => undefined, getAllKeys: async () => [] }
  expect(await asyncStorage(async).getItem('menshen.session')).toBeNull()
})

test('what is kept can be read once the device was unlocked, and moves to no other device', async () => {
  const options: unknown[] = []
  const store = fakeSecureStore()
  const watched = (key: string, value: string, given?: object) => {
    options.push(given)
    return store.setItemAsync(key, value)
  }
  await secureStore({ ...store, setItemAsync: watched }).setItem('a', 'b')
  const { AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY, ...android } = store
  await secureStore({ ...android, setItemAsync: watched }, { keychainService: 'mine' }).setItem('a', 'b')
  const chain = fakeKeychain()
  await keychain({
    ...chain,
    setGenericPassword: async (username: string, password: string, given: object) => {
      options.push(given)
      return chain.setGenericPassword(username, password, given)
    },
  }).setItem('a', 'b')
  expect(options).toEqual([
    { keychainAccessible: AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY },
    { keychainService: 'mine' },
    { accessible: 'AccessibleAfterFirstUnlockThisDeviceOnly', service: 'a' },
  ])
})

test('a keychain that says no is an error, not a loss', async () => {
  const chain = fakeKeychain()
  const refusing = keychain({ ...chain, setGenericPassword: async () => false })
  await expect(refusing.setItem('a', 'b')).rejects.toThrow('did not keep')
  await keychain(chain).setItem('a', 'b')
  const holding = keychain({ ...chain, resetGenericPassword: async () => false })
  await expect(holding.removeItem('a')).rejects.toThrow('did not remove')
  await holding.removeItem('nothing there')
})

test('on the web, secureStore names the storage that works there', () => {
  expect(() => secureStore({} as never)).toThrow('@menshen/client/storage-web')
  const { AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY, ...web } = fakeSecureStore()
  const global = globalThis as { document?: unknown }
  global.document = {}
  try {
    expect(() => secureStore(web)).toThrow('@menshen/client/storage-web')
    expect(() => secureStore({ ...web, AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY })).not.toThrow()
  } finally {
    delete global.document
  }
})

test.each([
  ['keychain', () => keychain({} as never)],
  ['asyncStorage', () => asyncStorage({ default: AsyncStorage } as never)],
  ['mmkv', () => mmkv({ createMMKV } as never)],
])('%s refuses what is not its module', (name, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'config', message: expect.stringContaining(name) }))
})
