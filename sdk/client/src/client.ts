/** The client: what an app calls, put together from its parts. */
import type { Context } from './context.js'
import { openClock } from './clock.js'
import { openDiscovery } from './discovery.js'
import { AuthError } from './errors.js'
import { openEvents, type Listener, type Status } from './events.js'
import { claimsOf, type UserClaims } from './id-token.js'
import { openLifecycle } from './lifecycle.js'
import { random } from './pkce.js'
import type { Account, RemoteSession } from './sessions.js'
import { resolve, type AuthClientOptions } from './settings.js'
import { openSignIn, type EndBrowserSession, type OidcRequest, type PasswordRequest } from './sign-in.js'
import { openSignOuts } from './sign-out.js'
import { openState } from './state.js'
import { openStorage, type StoredSession } from './storage.js'
import { openTokens } from './tokens.js'
import { openWire } from './wire.js'

/** Who is signed in. */
export interface Session {
  /** Names this session on this device. */
  id: string
  scope?: string
  idToken?: string
  /** What the ID token says of the user: for showing, not for judging what they may do. */
  user?: UserClaims
  /** When the access token expires, in milliseconds since 1970. */
  accessExpiresAt: number
}

/** How far a sign-out reaches: this session, every other one, or all of them. */
export type SignOutScope = 'session' | 'others' | 'all'

/** What is to be signed out. */
export interface SignOutRequest {
  /** `session` by default. */
  scope?: SignOutScope
  /**
   * Signs out of the system's browser as well (OpenID Connect RP-Initiated Logout 1.0), so that the
   * next sign-in asks for the password again. Opens it, which the user sees.
   */
  endBrowserSession?: EndBrowserSession
}

/** What became of a sign-out. */
export interface SignOutResult {
  /**
   * `cleared`: no token of what was signed out is left on this device. `failed`: the storage did not let them be removed; that
   * is done at the next start, and they are worth nothing once the server knows.
   */
  local: 'cleared' | 'failed'
  /**
   * - `revoked`: the server has confirmed.
   * - `queued`: it will be told as soon as it can be reached, also after the app was killed.
   * - `failed`: it was not told, and nothing will make up for that: it refused, or has no place to
   *   tell, or it was not reached and the storage kept nothing.
   */
  remote: 'revoked' | 'queued' | 'failed'
  /** Whether the browser came back from signing out, when it was asked to. */
  browser?: 'ended' | 'failed'
}

/** A client. Make one for an app, and share it. */
export interface AuthClient {
  /** What is known at this moment. */
  readonly status: Status
  /**
   * Reads the device's storage and goes on with sign-outs that wait. Called by everything else.
   *
   * @throws {AuthError} `storage_unavailable`: nothing is known, the status stays `loading`, and the
   * next call, such as that of `foreground`, tries again.
   */
  initialize(): Promise<Status>
  readonly signIn: {
    /**
     * On a screen of the app's own (OAuth 2.0 for First-Party Applications).
     *
     * @throws {AuthError} `invalid_grant` when the name, the password or the code is wrong;
     * `insufficient_authorization` when a code is needed as well, with what to go on with;
     * `rate_limited`, `network`, `timeout`, `server`; `storage_unavailable` when the session could not
     * be kept, and was ended; `cancelled` when a sign-out came in between; `config` when somebody is signed in.
     */
    password(request: PasswordRequest): Promise<Session>
    /**
     * In the system's browser, with PKCE.
     *
     * @throws {AuthError} `cancelled` when the user closed the browser or refused; the rest as above.
     */
    oidc(request: OidcRequest): Promise<Session>
  }
  /**
   * An access token that is good for `minTtlMs` milliseconds (30,000 by default, and at most half of
   * the token's life) and is not the one that an API `refused`; refreshed if need be, once for all who
   * ask. While the server is away, one that is good for less is better than none.
   *
   * @throws {AuthError} `signed_out` or `session_revoked` when there is no session (any more); anything
   * else says nothing about the session, which stays.
   */
  getAccessToken(options?: { minTtlMs?: number; refused?: string; forceRefresh?: boolean }): Promise<string>
  /**
   * Who is signed in, as far as this device knows; no network.
   *
   * @throws {AuthError} `storage_unavailable` when that cannot be told yet.
   */
  getSession(): Promise<Session | null>
  /**
   * Signs out. `session` (the default) never fails for want of a network, and takes no longer than
   * `timeoutMs`, the browser aside.
   *
   * @throws {AuthError} for `session` only `storage_unavailable`, when nothing is known of a session yet
   * and the storage cannot be read: nothing has changed then. `others` and `all` need the network and the
   * option `account`, and fail with what failed; nobody is signed out then.
   */
  signOut(request?: SignOutRequest): Promise<SignOutResult>
  /** How many sign-outs wait for the server. */
  pendingSignOuts(): Promise<number>
  /** Tells the server of them now, unless it has asked for time; `true` when none is left. */
  flushSignOuts(): Promise<boolean>
  /**
   * Where the user is signed in. Menshen, with the option `account`, and with `account` in the scope.
   *
   * @throws {AuthError} `config` with another provider, or without that option or scope.
   */
  listSessions(): Promise<RemoteSession[]>
  /** Ends one of those sessions; what it throws is as above. */
  revokeSession(id: string): Promise<void>
  /** The app came to the front: looks whether the session still lives, and tells what waits. Never throws. */
  foreground(): Promise<Status>
  /** The network is back: likewise. */
  online(): Promise<Status>
  /** Hears of every event; the answer stops it. */
  on(listener: Listener): () => void
  /** Stops timers, streams and listeners. The client is of no use afterwards. */
  dispose(): void
}

const MIN_TTL_MS = 30_000

/**
 * Makes a client. Nothing is read or sent before its first call.
 *
 * @throws {AuthError} `config` when an option is missing or wrong and the runtime has no stand-in.
 */
export function createAuthClient(options: AuthClientOptions): AuthClient {
  const settings = resolve(options)
  const { issuer, timeoutMs, crypto } = settings
  const clock = openClock(settings.timers, settings.now)
  const events = openEvents()
  const storage = openStorage(settings, clock)
  const wire = openWire(settings.fetch, clock, timeoutMs)
  const tabs = settings.broadcast?.(settings.storagePrefix, ({ id, reason, description }) => {
    if (id && reason) state.leave(id, reason === 'user' ? 'other_tab' : reason, description)
    if (state.status !== 'loading') state.look().catch(() => undefined)
  })
  const state = openState({
    storage, tabs, clock, emit: events.emit, onChange: () => state.session ? watch?.reopen() : watch?.close(),
  })
  const discovery = openDiscovery(issuer, wire, settings.allowInsecureIssuer)
  const context: Context = { settings, clock, storage, wire, discovery, state }
  const signOuts = openSignOuts(context)
  const tokens = openTokens(context, signOuts)
  const fresh = async (minTtlMs: number, refused?: string) => {
    await life.initialize()
    return tokens.fresh(minTtlMs, refused)
  }
  const other = (refused?: string) => fresh(refused ? 0 : MIN_TTL_MS, refused)
  const account = settings.account?.({ issuer, fresh: other, send: wire })
  const theirs = () => {
    if (!account) throw new AuthError('config', 'the option account is missing')
    return account
  }
  const signIn = openSignIn(context)
  const life = openLifecycle({ ...context, signIn, signOuts, tokens, watch: () => watch })
  let watch = settings.events?.({
    endpoint: async () => (await discovery()).endpoint('session_events'),
    fresh: other,
    ended: life.ended,
    later: clock.later,
    random: () => random(crypto),
  })

  /** Ends sessions at the provider, and this one here if it is among them: no news to be heard by the stream. */
  async function end(
    work: (account: Account) => Promise<boolean>, browser?: EndBrowserSession,
  ): Promise<SignOutResult> {
    await life.initialize()
    const { epoch } = state
    watch?.close()
    try {
      const isOwn = await work(theirs())
      // Whoever has signed in meanwhile is left alone.
      return isOwn && epoch === state.epoch ? await life.leave(true, browser) : { local: 'cleared', remote: 'revoked' }
    } finally {
      if (state.session) watch?.reopen()
    }
  }

  return {
    get status() {
      return state.status
    },
    initialize: life.initialize,
    signIn: {
      password: async (request) => view(await life.enter(() => signIn.password(request))),
      oidc: async (request) => view(await life.enter(() => signIn.oidc(request))),
    },
    async getAccessToken({ minTtlMs = MIN_TTL_MS, refused, forceRefresh } = {}) {
      if (forceRefresh) await life.initialize()
      return (await fresh(minTtlMs, forceRefresh ? state.session?.accessToken : refused)).accessToken
    },
    async getSession() {
      await life.initialize()
      return state.session && view(state.session)
    },
    async signOut({ scope = 'session', endBrowserSession } = {}) {
      if (scope === 'session') return life.leave(false, endBrowserSession)
      return end((account) => scope === 'all' ? account.revokeAll() : account.revokeOthers(), endBrowserSession)
    },
    pendingSignOuts: signOuts.pending,
    flushSignOuts: signOuts.flush,
    listSessions: async () => theirs().list(),
    async revokeSession(id) {
      await end((account) => account.revoke(id))
    },
    foreground: life.wake,
    online: life.wake,
    on: events.on,
    dispose() {
      watch?.close()
      watch = undefined
      tabs?.close()
      tokens.dispose()
      signOuts.dispose()
      events.dispose()
    },
  }
}

function view({ id, scope, idToken, accessExpiresAt }: StoredSession): Session {
  return { id, scope, idToken, user: claimsOf(idToken), accessExpiresAt }
}
