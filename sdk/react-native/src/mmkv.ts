/** Sign-outs that wait, in MMKV. */
import { AuthError, type OutboxStorage } from '@menshen/client'

/** The part of an instance of `react-native-mmkv` that is used; versions 2 to 4. */
export interface MmkvInstance {
  getString(key: string): string | undefined
  set(key: string, value: string): void
  getAllKeys(): string[]
  /** Version 4. */
  remove?(key: string): unknown
  /** Versions 2 and 3. */
  delete?(key: string): unknown
}

/**
 * Sign-outs that wait for the server, in an instance of MMKV: `outboxStorage: mmkv(createMMKV())`, or
 * `mmkv(new MMKV())` up to version 3. It will do for the session, too, only if the instance is encrypted
 * and its key is kept in the keychain.
 *
 * @throws {AuthError} `config` when that is no instance.
 */
export function mmkv(instance: MmkvInstance): OutboxStorage {
  const remove = instance?.remove ?? instance?.delete
  if (typeof instance?.getString !== 'function' || remove === undefined) {
    throw new AuthError('config', 'mmkv() takes an instance: createMMKV(), or new MMKV() up to version 3')
  }
  return {
    getItem: (key) => instance.getString(key) ?? null,
    setItem: (key, value) => instance.set(key, value),
    removeItem: (key) => void remove.call(instance, key),
    keys: () => instance.getAllKeys(),
  }
}
