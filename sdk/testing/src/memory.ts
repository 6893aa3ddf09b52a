/** Storage that really stores. */
import type { OutboxStorage } from '@menshen/client'

/** A store that really stores, for `storage` and for `outboxStorage`. */
export interface MemoryStorage extends OutboxStorage {
  /** What is kept, for a test to look at; changing it is tampering with the device. */
  readonly values: Map<string, string>
}

/** @param values What is kept already, such as the `values` of a store that an earlier client used. */
export function memoryStorage(values: Map<string, string> = new Map()): MemoryStorage {
  return {
    values,
    getItem: async (key) => values.get(key) ?? null,
    setItem: async (key, value) => void values.set(key, value),
    removeItem: async (key) => void values.delete(key),
    keys: async () => [...values.keys()],
  }
}
