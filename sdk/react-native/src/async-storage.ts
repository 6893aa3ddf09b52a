/** Sign-outs that wait, in AsyncStorage. */
import { AuthError, type OutboxStorage } from '@menshen/client'

/** The part of `@react-native-async-storage/async-storage` that is used; versions 1 to 3. */
export interface AsyncStorageModule {
  getItem(key: string): Promise<string | null | undefined>
  setItem(key: string, value: string): Promise<unknown>
  removeItem(key: string): Promise<unknown>
  getAllKeys(): Promise<readonly string[]>
}

/**
 * Sign-outs that wait for the server, in the app's own files: `outboxStorage: asyncStorage(AsyncStorage)`.
 * Not encrypted: right for the outbox, which with Menshen holds nothing that gives access, and wrong for
 * the session.
 *
 * @throws {AuthError} `config` when that is not the module's default export.
 */
export function asyncStorage(module: AsyncStorageModule): OutboxStorage {
  if (typeof module?.getAllKeys !== 'function') {
    throw new AuthError('config', 'asyncStorage() takes the default export of @react-native-async-storage/async-storage')
  }
  return {
    getItem: async (key) => (await module.getItem(key)) ?? null,
    setItem: async (key, value) => void (await module.setItem(key, value)),
    removeItem: async (key) => void (await module.removeItem(key)),
    keys: async () => module.getAllKeys(),
  }
}
