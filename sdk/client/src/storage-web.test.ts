/** What a browser brings. */
import { afterEach, expect, test, vi } from 'vitest'
import { webBroadcast, webLock, webStorage, type WebStorage } from './storage-web.js'

afterEach(() => vi.unstubAllGlobals())

/** `localStorage` as the HTML standard has it. */
function localStorage(): WebStorage {
  const held = new Map<string, string>()
  return {
    get length() {
      return held.size
    },
    key: (index) => [...held.keys()][index] ?? null,
    getItem: (key) => held.get(key) ?? null,
    setItem: (key, value) => void held.set(key, String(value)),
    removeItem: (key) => void held.delete(key),
  }
}

test('web storage keeps, names and removes', async () => {
  const storage = webStorage(localStorage())
  await storage.setItem('a', '1')
  await storage.setItem('b', '2')
  expect(await storage.getItem('a')).toBe('1')
  expect(await storage.keys()).toEqual(['a', 'b'])
  await storage.removeItem('a')
  expect(await storage.getItem('a')).toBeNull()
  expect(await storage.keys()).toEqual(['b'])
})

test('a full storage throws, so that the client knows', () => {
  const full = { ...localStorage(), setItem: () => { throw new DOMException('full', 'QuotaExceededError') } }
  expect(() => webStorage(full).setItem('a', '1')).toThrow('full')
})

test('where the browser has no locks and no channels, there are none', () => {
  vi.stubGlobal('navigator', {})
  vi.stubGlobal('BroadcastChannel', undefined)
  expect(webLock()).toBeUndefined()
  expect(webBroadcast()).toBeUndefined()
})

test('the lock is that of the browser, by name', async () => {
  const names: string[] = []
  vi.stubGlobal('navigator', { locks: { request: async (name: string, work: () => Promise<unknown>) => (names.push(name), work()) } })
  expect(await webLock()!('menshen.storage', async () => 'done')).toBe('done')
  expect(names).toEqual(['menshen.storage'])
})
