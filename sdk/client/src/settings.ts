/** The options of a client, checked, and what the runtime brings where they are silent. */
import { ambient } from './ambient.js'
import type { Timers } from './clock.js'
import { AuthError } from './errors.js'
import { webCrypto, type Crypto } from './pkce.js'
import type { OpenAccount } from './sessions.js'
import type { Lock, OutboxStorage, SessionStorage } from './storage.js'
import type { Broadcast } from './tabs.js'
import type { OpenWatch } from './watch.js'
import { isSafeAddress, type Fetch } from './wire.js'

/** What a client is made of. */
export interface AuthClientOptions {
  /**
   * The provider's issuer, letter by letter. `https`; `http` only for this very machine, unless
   * `allowInsecureIssuer` says otherwise.
   */
  issuer: string
  /** This app, as the provider knows it: a public client. */
  clientId: string
  /** Where the session is kept: keychain or keystore on a phone. */
  storage: SessionStorage
  /**
   * Where sign-outs wait for the server, beside the marks of those that are done. With Menshen nothing
   * in it gives access.
   */
  outboxStorage: OutboxStorage
  /**
   * Scope values to ask for; `openid offline_access` by default. Menshen's list of sessions needs
   * `account` as well.
   */
  scope?: string
  /** The transport; the runtime's `fetch` by default. */
  fetch?: Fetch
  /** Randomness and SHA-256; WebCrypto by default, where there is one. */
  crypto?: Crypto
  /** Timers; the runtime's by default. */
  timers?: Timers
  /** Milliseconds since 1970; `Date.now` by default. It may jump: nothing relies on it alone. */
  now?: () => number
  /**
   * How long any one request, and any one call of the storage, may take, in milliseconds, 100 to
   * 120,000; 10,000 by default. A sign-out takes no longer than this altogether.
   */
  timeoutMs?: number
  /** What the keys in storage begin with: letters, digits, `.`, `-`, `_`; `menshen` by default. */
  storagePrefix?: string
  /**
   * How to hear at once that the session has ended elsewhere: `sseEvents(fetch)` or
   * `webSocketEvents(WebSocket)` of `@menshen/client/push`. Without it, it is noticed on the way back to the app and on any 401.
   */
  events?: OpenWatch
  /**
   * The user's sessions on other devices: `menshenAccount` of `@menshen/client/account`. Without it they can
   * be neither listed nor ended from here.
   */
  account?: OpenAccount
  /** The app's other tabs: `webBroadcast()` of `@menshen/client/storage-web`. */
  broadcast?: Broadcast
  /**
   * A lock over every process that shares the storage, such as Web Locks. It is held for short pieces
   * of work on the storage, never while the network is asked, and done without when it is not had
   * within 2 seconds: nothing depends on it for being right.
   */
  lock?: Lock
  /**
   * A place that goes when the app is removed, such as AsyncStorage, where the keychain stays (iOS).
   * A session that is found there without its mark here belongs to an installation before this one:
   * it is signed out, with reason `reinstalled`.
   */
  installMarker?: SessionStorage
  /** Whether the issuer may be reached by `http` over a network, where anybody can read along. */
  allowInsecureIssuer?: boolean
}

export type Settings = AuthClientOptions & Required<Pick<AuthClientOptions,
  'scope' | 'storagePrefix' | 'fetch' | 'crypto' | 'timers' | 'timeoutMs' | 'now'>>

export function resolve(options: AuthClientOptions): Settings {
  const need = <T>(name: keyof AuthClientOptions, found: T): NonNullable<T> => {
    if (!found) throw new AuthError('config', `the option ${name} is missing or wrong`)
    return found
  }
  const { issuer, timeoutMs = 10_000, storagePrefix = 'menshen' } = options
  need('issuer', /^https?:\/\/[^\s?#\\@]+$/.test(issuer))
  need('allowInsecureIssuer', options.allowInsecureIssuer || isSafeAddress(issuer))
  for (const name of ['clientId', 'storage', 'outboxStorage'] as const) need(name, options[name])
  need('storagePrefix', /^[\w.-]+$/.test(storagePrefix))
  need('timeoutMs', timeoutMs >= 100 && timeoutMs <= 120_000)
  return {
    scope: 'openid offline_access',
    now: () => Date.now(),
    ...options,
    storagePrefix,
    timeoutMs,
    fetch: need('fetch', options.fetch ?? ambient.fetch?.bind(ambient)),
    crypto: need('crypto', options.crypto ?? webCrypto()),
    timers: need('timers', options.timers ?? (ambient.setTimeout && (ambient as Timers))),
  }
}
