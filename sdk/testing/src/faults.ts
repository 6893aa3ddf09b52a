/** What can go wrong between an app and its storage or its server, at the moment that a test chooses. */
import type { Fetch, FetchAnswer, OutboxStorage, SessionStorage } from '@menshen/client'

/** One call of a storage. */
export interface StorageCall {
  method: 'getItem' | 'setItem' | 'removeItem' | 'keys'
  /** Empty for `keys`. */
  key: string
  /** Counts all calls from 1. */
  number: number
}

/**
 * - `throws`: the call fails, and nothing has happened: a keychain that is locked.
 * - `throws after`: it has happened, and the call fails all the same.
 * - `forgets`: a read finds nothing, a write or a removal is lost without a word.
 * - `garbles`: a read finds something else; a write keeps something else.
 * - `hangs`: there is never an answer.
 */
export type StorageFault = 'throws' | 'throws after' | 'forgets' | 'garbles' | 'hangs'

/**
 * A storage that fails when `fault` says so: it is asked before each call, and `undefined` lets the call
 * through.
 */
export function faultyStorage<Kind extends SessionStorage>(
  storage: Kind,
  fault: (call: StorageCall) => StorageFault | undefined,
): Kind {
  let number = 0
  async function call<Result>(
    method: StorageCall['method'],
    key: string,
    work: (garbled: boolean) => Promise<Result> | Result,
    nothing: Result,
  ): Promise<Result> {
    const found = fault({ method, key, number: ++number })
    if (found === 'hangs') return new Promise(() => undefined)
    if (found === 'throws') throw new Error(`${method} failed`)
    if (found === 'forgets') return nothing
    const result = await work(found === 'garbles')
    if (found === 'throws after') throw new Error(`${method} failed`)
    return result
  }
  const { keys } = storage as Partial<OutboxStorage>
  const faulty: SessionStorage & Partial<OutboxStorage> = {
    getItem: (key) => call<string | null | undefined>('getItem', key, (garbled) =>
      (garbled ? '{"version":' : storage.getItem(key)), undefined),
    setItem: (key, value) => call<void>('setItem', key, (garbled) =>
      storage.setItem(key, garbled ? value.slice(0, value.length / 2) : value), undefined),
    removeItem: (key) => call<void>('removeItem', key, () => storage.removeItem(key), undefined),
  }
  if (keys) faulty.keys = () => call<readonly string[]>('keys', '', () => keys.call(storage), [])
  return faulty as Kind
}

/** One request. */
export interface FetchCall {
  method: string
  url: string
  /** The form that is sent, if one is. */
  body?: string
  /** Counts all requests from 1. */
  number: number
}

/**
 * - `offline`: the request never leaves.
 * - `lost`: the server has done it; the answer is lost on the way.
 * - `hangs`: there is never an answer, until the request is called off.
 * - a number: this status instead of an answer, and the server knows nothing of it.
 */
export type FetchFault = 'offline' | 'lost' | 'hangs' | number

/** A transport that fails when `fault` says so; `undefined` lets the request through. */
export function faultyFetch(fetch: Fetch, fault: (call: FetchCall) => FetchFault | undefined): Fetch {
  let number = 0
  return async (url, init) => {
    const found = fault({ method: init.method, url, body: init.body, number: ++number })
    if (found === 'offline') throw new TypeError('Network request failed')
    if (found === 'hangs') {
      await new Promise((_, reject) => init.signal?.addEventListener('abort', () => reject(new Error('aborted'))))
    }
    if (typeof found === 'number') return empty(found)
    const answer = await fetch(url, init)
    if (found === 'lost') throw new TypeError('Network request failed')
    return answer
  }
}

function empty(status: number): FetchAnswer {
  return { status, headers: { get: () => null }, text: async () => '' }
}
