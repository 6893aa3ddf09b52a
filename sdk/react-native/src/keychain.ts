/** The session, through react-native-keychain. */
import { AuthError, type SessionStorage } from '@menshen/client'

/** The part of `react-native-keychain` that is used. */
export interface KeychainModule {
  ACCESSIBLE?: { AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY: string }
  getGenericPassword(options: any): Promise<false | null | undefined | { password: string }>
  setGenericPassword(username: string, password: string, options: any): Promise<unknown>
  resetGenericPassword(options: any): Promise<unknown>
}

/** As in `react-native-keychain`. */
export interface KeychainOptions {
  /** iOS: when the value can be read; `AccessibleAfterFirstUnlockThisDeviceOnly` by default. */
  accessible?: string
  /** iOS: the access group, for apps that share. */
  accessGroup?: string
  /** Android: how the value is encrypted; the module's choice by default. */
  storage?: string
  /** Android: the least level of security of the key; the module's choice by default. */
  securityLevel?: string | number
}

/**
 * The session in iOS's Keychain or under a key of Android's Keystore, through `react-native-keychain`:
 * `keychain(Keychain)` after `import * as Keychain from 'react-native-keychain'`. Each value is a service of
 * its own. What is kept can be read once the device was unlocked after its start, and moves to no other
 * device.
 *
 * @throws {AuthError} `config` when that is not the module.
 */
export function keychain(module: KeychainModule, options: KeychainOptions = {}): SessionStorage {
  if (typeof module.setGenericPassword !== 'function') {
    throw new AuthError('config', 'keychain() takes what `import * as Keychain from \'react-native-keychain\'` names')
  }
  const accessible = module.ACCESSIBLE?.AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY ??
    'AccessibleAfterFirstUnlockThisDeviceOnly'
  const at = (service: string) => ({ accessible, ...options, service })
  const getItem = async (key: string) => {
    const found = await module.getGenericPassword(at(key))
    return found ? found.password : null
  }
  return {
    getItem,
    async setItem(key, value) {
      if ((await module.setGenericPassword('menshen', value, at(key))) === false) {
        throw new Error('the keychain did not keep the value')
      }
    },
    async removeItem(key) {
      const removed = await module.resetGenericPassword(at(key))
      if (removed === false && (await getItem(key)) !== null) throw new Error('the keychain did not remove the value')
    },
  }
}
