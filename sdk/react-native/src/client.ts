/** A client that watches the phone. */
import { createAuthClient, type AuthClient, type AuthClientOptions } from '@menshen/client'
import { menshenAccount } from '@menshen/client/account'
import type { Watch } from './watch.js'

/** The options of `createAuthClient`, and what is watched. */
export interface ReactNativeClientOptions extends AuthClientOptions {
  /** What to watch on the phone, such as `[appState(AppState), netInfo(NetInfo)]`. */
  watch: readonly Watch[]
}

/**
 * `createAuthClient` with Menshen's `account`, and `watch` for as long as the client lives: `dispose()` stops both.
 *
 * @throws {AuthError} `config` as `createAuthClient` does.
 */
export function createReactNativeClient({ watch, ...options }: ReactNativeClientOptions): AuthClient {
  const client = createAuthClient({ account: menshenAccount, ...options })
  const { dispose } = client
  const stops = watch.map((start) => start(client))
  return Object.assign(client, {
    dispose() {
      for (const stop of stops) stop()
      dispose()
    },
  })
}
