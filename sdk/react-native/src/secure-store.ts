/** The session, through expo-secure-store. */
import { AuthError, type SessionStorage } from '@menshen/client'
import { inPieces } from './pieces.js'

/** The part of `expo-secure-store` that is used. */
export interface SecureStoreModule {
  AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY?: number
  getItemAsync(key: string, options?: SecureStoreOptions): Promise<string | null | undefined>
  setItemAsync(key: string, value: string, options?: SecureStoreOptions): Promise<void>
  deleteItemAsync(key: string, options?: SecureStoreOptions): Promise<void>
}

/** As in `expo-secure-store`. */
export interface SecureStoreOptions {
  /** iOS: when the value can be read; `AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY` by default. */
  keychainAccessible?: number
  /** iOS: the item's service; Android: the alias of the key. */
  keychainService?: string
  /** iOS: the access group, for apps that share. */
  accessGroup?: string
}

/** The limit that the module states; values above it may fail. */
const LIMIT_BYTES = 2_000

/**
 * The session in iOS's Keychain or under a key of Android's Keystore, through `expo-secure-store`:
 * `secureStore(SecureStore)` after `import * as SecureStore from 'expo-secure-store'`. What is kept can be
 * read once the device was unlocked after its start, and moves to no other device. Values of more than
 * 2,000 bytes are kept in pieces.
 *
 * @throws {AuthError} `config` on the web, where that module keeps nothing: use `@menshen/client/storage-web`.
 */
export function secureStore(module: SecureStoreModule, options: SecureStoreOptions = {}): SessionStorage {
  const onWeb = module.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY === undefined && typeof document !== 'undefined'
  if (onWeb || typeof module.setItemAsync !== 'function') throw keepsNothing()
  // Android has no such constant: there, what is kept never leaves the device.
  const keychainAccessible = module.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY
  const all = { ...(keychainAccessible === undefined ? {} : { keychainAccessible }), ...options }
  return inPieces({
    get: (key) => module.getItemAsync(key, all),
    set: (key, value) => module.setItemAsync(key, value, all),
    remove: (key) => module.deleteItemAsync(key, all),
  }, LIMIT_BYTES)
}

function keepsNothing(): AuthError {
  return new AuthError('config', 'expo-secure-store keeps nothing here: on the web, use @menshen/client/storage-web')
}
