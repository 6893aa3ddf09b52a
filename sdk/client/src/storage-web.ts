/** What a browser brings: its storage, its locks, and its other tabs. */
import type { OutboxStorage } from './storage.js'

/** The part of `localStorage` that is used. */
export interface WebStorage {
  readonly length: number
  key(index: number): string | null
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/**
 * `localStorage` or `sessionStorage`, for both `storage` and `outboxStorage`. Whatever script runs in
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
