/** What the phone tells: the app came to the front, the network is back. */

/** The part of a client that is told. */
export interface Watched {
  /** The app came to the front. */
  foreground(): Promise<unknown> | void
  /** The network is back. */
  online(): Promise<unknown> | void
}

/** Watches for a client; the answer stops it. */
export type Watch = (client: Watched) => () => void

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
      if (state === 'active') quietly(client.foreground())
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
      if (now && before === false) quietly(client.online())
      before = now
    })
  }
}

/** What fails here is tried again, and was told to the client's listeners. */
function quietly(work: Promise<unknown> | void): void {
  void Promise.resolve(work).catch(() => undefined)
}
