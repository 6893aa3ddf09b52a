/** What a browser brings: its storage, its locks, and its other tabs. */
export { indexedDbStorage } from './indexed-db.js'
import { ambient } from './core.js'
import type { Lock, OutboxStorage } from './storage.js'
import type { Broadcast } from './tabs.js'

export type { Lock, OutboxStorage, SessionStorage } from './storage.js'
export type { Broadcast, Tabs, Word } from './tabs.js'

/** The part of `localStorage` that is used. */
export interface WebStorage {
  readonly length: number
  key(index: number): string | null
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/**
 * `localStorage` or `sessionStorage`, for both `storage` and `outboxStorage`; a browser that is killed
 * may lose the last seconds of it, which {@link indexedDbStorage} does not. Whatever script runs in
 * the page can read it: a page that can have a server of its own is safer with a cookie.
 */
export function webStorage(storage: WebStorage): OutboxStorage {
  return {
    getItem: (key) => storage.getItem(key),
    setItem: (key, value) => storage.setItem(key, value),
    removeItem: (key) => storage.removeItem(key),
    keys: () => Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? ''),
  }
}

/** The app's other tabs, for the option `broadcast`; `undefined` where the browser has no such thing. */
export function webBroadcast(): Broadcast | undefined {
  const { BroadcastChannel } = ambient
  return BroadcastChannel && ((name, heard) => {
    const channel = new BroadcastChannel(`${name}.tabs`)
    channel.onmessage = ({ data }) => {
      if (typeof data === 'object' && data !== null) heard(data)
    }
    return {
      tell(word) {
        try {
          channel.postMessage(word)
        } catch {
          // A channel that is closed tells nobody; they look by themselves when they come to the front.
        }
      },
      close: () => channel.close(),
    }
  })
}

/** Web Locks, for the option `lock`; `undefined` where the browser has none. */
export function webLock(): Lock | undefined {
  const locks = ambient.navigator?.locks
  return locks && ((name, work) => locks.request(name, work))
}
