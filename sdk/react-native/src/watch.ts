/** What the phone tells: the app came to the front, the network is back. */
import type { AuthClient } from '@menshen/client'

/** Watches for a client; the answer stops it. */
export type Watch = (client: AuthClient) => () => void

/** The part of React Native's `AppState` that is used. */
export interface AppStateModule {
  addEventListener(type: 'change', listener: (state: string) => void): { remove(): void }
}

/** The part of `@react-native-community/netinfo` that is used. */
export interface NetInfoModule {
  addEventListener(
    listener: (state: { isConnected: boolean | null; isInternetReachable?: boolean | null }) => void,
  ): () => void
}

/**
 * Whenever the app comes to the front, the client looks whether its session still lives and tells of
 * sign-outs that wait: `appState(AppState)` with React Native's own.
 */
export function appState(module: AppStateModule): Watch {
  return (client) => {
    const subscription = module.addEventListener('change', (state) => {
      if (state === 'active') void client.foreground()
    })
    return () => subscription.remove()
  }
}

/**
 * Whenever the network is back, the client tells of sign-outs that wait: `netInfo(NetInfo)` with the
 * default export of `@react-native-community/netinfo`.
 */
export function netInfo(module: NetInfoModule): Watch {
  return (client) => {
    let before: boolean | undefined
    return module.addEventListener(({ isConnected, isInternetReachable }) => {
      const now = isConnected === true && isInternetReachable !== false
      if (now && before === false) void client.online()
      before = now
    })
  }
}
