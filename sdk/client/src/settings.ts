/** The options of a client, checked, and what the runtime brings where they are silent. */
import { ambient, ambientTimers, type Timers } from './ambient.js'
import { AuthError } from './errors.js'
import { webCrypto, type Crypto } from './pkce.js'
import type { OpenStream } from './push.js'
import type { Lock, OutboxStorage, SessionStorage } from './storage.js'
import type { Broadcast } from './tabs.js'
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
   * `webSocketEvents(WebSocket)`. Without it, it is noticed on the way back to the app and on any 401.
   */
  events?: OpenStream
  /** The app's other tabs: a `BroadcastChannel` or the like. */
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

export interface Settings extends AuthClientOptions {
  scope: string
  storagePrefix: string
  fetch: Fetch
  crypto: Crypto
  timers: Timers
  timeoutMs: number
  now: () => number
}

export function resolve(options: AuthClientOptions): Settings {
  const need = (holds: unknown, sentence: string) => {
    if (!holds) throw new AuthError('config', sentence)
  }
  const { issuer, clientId, timeoutMs = 10_000, storagePrefix = 'menshen' } = options
  need(/^https?:\/\/[^\s?#\\@]+$/.test(String(issuer)), 'issuer must be an address without user, query and fragment')
  need(
    options.allowInsecureIssuer || isSafeAddress(issuer),
    'the issuer is reached by http: use https, or set allowInsecureIssuer',
  )
  need(typeof clientId === 'string' && clientId, 'clientId is missing')
  need(options.storage && options.outboxStorage, 'storage and outboxStorage are needed')
  need(/^[A-Za-z0-9._-]+$/.test(storagePrefix), 'storagePrefix may hold letters, digits, . - and _')
  need(timeoutMs >= 100 && timeoutMs <= 120_000, 'timeoutMs must be 100 to 120,000')
  const fetch = options.fetch ?? (ambient.fetch && ((url, init) => ambient.fetch?.(url, init) as ReturnType<Fetch>))
  if (!fetch) throw new AuthError('config', 'this runtime has no fetch: pass one')
  const crypto = options.crypto ?? webCrypto()
  if (!crypto) throw new AuthError('config', 'this runtime has no WebCrypto: pass crypto')
  const timers = options.timers ?? ambientTimers()
  if (!timers) throw new AuthError('config', 'this runtime has no timers: pass timers')
  return {
    ...options,
    scope: options.scope ?? 'openid offline_access',
    storagePrefix,
    fetch,
    crypto,
    timers,
    timeoutMs,
    now: options.now ?? (() => Date.now()),
  }
}
