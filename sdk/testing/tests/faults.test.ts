/** Faults do what they say: a fault that is none would make every test of it pass. */
import { expect, jest, test } from '@jest/globals'
import type { FetchInit } from '@menshen/client'
import { faultyFetch, faultyStorage, memoryStorage, type FetchFault, type StorageFault } from '@menshen/testing'

/** A store with one value, and a fault that begins with the next call. */
async function storeWith(fault: StorageFault) {
  const store = memoryStorage(new Map([['key', 'old value']]))
  return { store, faulty: faultyStorage(store, () => fault) }
}

test('a storage that throws has done nothing', async () => {
  const { store, faulty } = await storeWith('throws')
  await expect(faulty.getItem('key')).rejects.toThrow('getItem failed')
  await expect(faulty.setItem('key', 'new value')).rejects.toThrow('setItem failed')
  await expect(faulty.removeItem('key')).rejects.toThrow('removeItem failed')
  await expect(faulty.keys()).rejects.toThrow('keys failed')
  expect(store.values.get('key')).toBe('old value')
})

test('one that throws after the work has done it', async () => {
  const { store, faulty } = await storeWith('throws after')
  await expect(faulty.setItem('key', 'new value')).rejects.toThrow('setItem failed')
  expect(store.values.get('key')).toBe('new value')
  await expect(faulty.removeItem('key')).rejects.toThrow('removeItem failed')
  expect(store.values.has('key')).toBe(false)
})

test('one that forgets says nothing, and nothing happens', async () => {
  const { store, faulty } = await storeWith('forgets')
  await faulty.setItem('key', 'new value')
  await faulty.removeItem('key')
  expect(store.values.get('key')).toBe('old value')
  expect(await faulty.getItem('key')).toBeUndefined()
  expect(await faulty.keys()).toEqual([])
})

test('one that garbles keeps and reads something else', async () => {
  const { store, faulty } = await storeWith('garbles')
  expect(await faulty.getItem('key')).not.toBe('old value')
  await faulty.setItem('key', 'new value')
  expect(store.values.get('key')).not.toBe('new value')
})

test('one that hangs never answers', async () => {
  const { faulty } = await storeWith('hangs')
  const answered = jest.fn()
  void Promise.resolve(faulty.getItem('key')).then(answered, answered)
  await new Promise((done) => setTimeout(done, 0))
  expect(answered).not.toHaveBeenCalled()
})

test('calls are counted, and only those fail that should', async () => {
  const seen: string[] = []
  const faulty = faultyStorage(memoryStorage(), ({ method, key, number }) => {
    seen.push(`${number} ${method} ${key}`)
    return number === 2 ? 'throws' : undefined
  })
  await faulty.setItem('a', '1')
  await expect(faulty.setItem('b', '2')).rejects.toThrow()
  expect(await faulty.keys()).toEqual(['a'])
  expect(seen).toEqual(['1 setItem a', '2 setItem b', '3 keys '])
})

test('a storage without keys stays one', () => {
  const { getItem, setItem, removeItem } = memoryStorage()
  expect('keys' in faultyStorage({ getItem, setItem, removeItem }, () => undefined)).toBe(false)
})

const POST: FetchInit = { method: 'POST', headers: {}, body: 'a=b', credentials: 'omit', redirect: 'error' }

/** A transport with a fault, and what arrived at the other end. */
function transport(fault: FetchFault | undefined) {
  const arrived = jest.fn(async () => ({ status: 200, headers: { get: () => 'seen' }, text: async () => 'done' }))
  return { arrived, fetch: faultyFetch(arrived, () => fault) }
}

test('a request that meets no fault arrives as it is', async () => {
  const { arrived, fetch } = transport(undefined)
  expect((await fetch('https://a.example/token', POST)).status).toBe(200)
  expect(arrived).toHaveBeenCalledWith('https://a.example/token', POST)
})

test('offline, nothing arrives; when the answer is lost, everything does', async () => {
  const offline = transport('offline')
  await expect(offline.fetch('https://a.example/token', POST)).rejects.toThrow('Network request failed')
  expect(offline.arrived).not.toHaveBeenCalled()
  const lost = transport('lost')
  await expect(lost.fetch('https://a.example/token', POST)).rejects.toThrow('Network request failed')
  expect(lost.arrived).toHaveBeenCalledTimes(1)
})

test('a status is an answer that nobody gave', async () => {
  const { arrived, fetch } = transport(503)
  const answer = await fetch('https://a.example/token', POST)
  expect([answer.status, await answer.text(), answer.headers.get('retry-after')]).toEqual([503, '', null])
  expect(arrived).not.toHaveBeenCalled()
})

test('a request that hangs ends when it is called off', async () => {
  const abort = new AbortController()
  const work = transport('hangs').fetch('https://a.example/token', { ...POST, signal: abort.signal })
  abort.abort()
  await expect(work).rejects.toThrow('aborted')
})
