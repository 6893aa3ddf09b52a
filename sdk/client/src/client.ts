import { openDiscovery } from './discovery.js'
import { AuthError, isAuthError } from './errors.js'
import { openEvents, type Listener, type SignedOutReason, type Status } from './events.js'
import type { Context } from './context.js'
import { randomText, webCrypto, type Crypto } from './pkce.js'
import { openSignIn, type OidcRequest, type PasswordRequest } from './signin.js'
import { openSignOuts, type SignOutResult } from './signout.js'
import { openStorage, type OutboxStorage, type SessionStorage, type StoredSession } from './storage.js'
import { openTokens } from './tokens.js'
import { failure, openWire, type Answer, type Fetch } from './wire.js'

/** What a client is made of. */
export interface AuthClientOptions {
  /** The provider's issuer, letter by letter. */
  issuer: string
  /** This app, as the provider knows it: a public client. */
  clientId: string
  /** Where the session is kept: keychain or keystore on a phone. */
  storage: SessionStorage
  /** Where sign-outs wait for the server. Holds nothing that gives access, with Menshen. */
  outboxStorage: OutboxStorage
  /** Scope values to ask for; `openid offline_access` by default. */
  scope?: string
  /** The transport; the runtime's `fetch` by default. */
  fetch?: Fetch
  /** Randomness and SHA-256; WebCrypto by default, where there is one. */
  crypto?: Crypto
  /** Milliseconds since 1970; `Date.now` by default. */
  now?: () => number
  /** How long any one request may take, in milliseconds, 100 to 120,000; 10,000 by default. */
  timeoutMs?: number
  /** What the keys in storage begin with: letters, digits, `.`, `-`, `_`; `menshen` by default. */
  storagePrefix?: string
}

/** Who is signed in. */
export interface Session {
  /** Names this session on this device. */
  id: string
  scope?: string
  idToken?: string
  /** When the access token expires, in milliseconds since 1970. */
  accessExpiresAt: number
}

/** A session of the same user, on whichever device. */
export interface RemoteSession {
  id: string
  current: boolean
  device?: string
  platform?: string
  createdAt?: string
  lastSeenAt?: string
}

/** How far a sign-out reaches: this session, every other one, or all of them. */
export type SignOutScope = 'session' | 'others' | 'all'

/** A client. Make one for an app, and share it. */
export interface AuthClient {
  /** What is known at this moment. */
  readonly status: Status
  /** Reads the device's storage and goes on with sign-outs that wait. Called by everything else. */
  initialize(): Promise<Status>
  readonly signIn: {
    /** On a screen of the app's own (OAuth 2.0 for First-Party Applications). */
    password(request: PasswordRequest): Promise<Session>
    /** In the system's browser, with PKCE. */
    oidc(request: OidcRequest): Promise<Session>
  }
  /**
   * An access token that is good for `minTtlMs` (30,000 by default) and is not the one that an API
   * `refused`; refreshed if need be, once for all who ask.
   */
  getAccessToken(options?: { minTtlMs?: number; refused?: string; forceRefresh?: boolean }): Promise<string>
  /** Who is signed in, as far as this device knows; no network. */
  getSession(): Promise<Session | null>
  /** Signs out. `session` (the default) never fails for want of a network. */
  signOut(options?: { scope?: SignOutScope }): Promise<SignOutResult>
  /** How many sign-outs wait for the server. */
  pendingSignOuts(): Promise<number>
  /** Tells the server of them now; `true` when none is left. */
  flushSignOuts(): Promise<boolean>
  /** Where the user is signed in. */
  listSessions(): Promise<RemoteSession[]>
  /** Ends one of those sessions. */
  revokeSession(id: string): Promise<void>
  /** Hears of every event; the answer stops it. */
  on(listener: Listener): () => void
  /** Stops timers and listeners. */
  dispose(): void
}

const DEFAULT_SCOPE = 'openid offline_access'
const DEFAULT_MIN_TTL_MS = 30_000

/**
 * Makes a client. Nothing is read or sent before its first call.
 *
 * @throws {AuthError} `config` when an option is missing and the runtime has no stand-in.
 */
export function createAuthClient(options: AuthClientOptions): AuthClient {
  const settings = resolve(options)
  const events = openEvents()
  const storage = openStorage(options.storage, options.outboxStorage, settings.prefix)
  const wire = openWire(settings.fetch, settings.timeoutMs)

  let status: Status = 'loading'
  let session: StoredSession | null = null
  let epoch = 0
  let starting: Promise<Status> | undefined
  let leaving: Promise<SignOutResult> | undefined

  const become = (next: Status) => {
    if (status === next) return
    status = next
    events.emit({ type: 'statusChange', status })
  }

  const context: Context = {
    issuer: settings.issuer,
    clientId: options.clientId,
    storage,
    wire,
    discovery: openDiscovery(settings.issuer, wire),
    crypto: settings.crypto,
    now: settings.now,
    pause: (attempt) => new Promise((done) => setTimeout(done, 200 * 2 ** attempt)),
    emit: events.emit,
    epoch: () => epoch,
    session: () => session,
    adopt(next) {
      session = next
      become('active')
    },
    leave(reason: SignedOutReason, description?: string) {
      if (!session) return
      session = null
      epoch++
      become('signedOut')
      events.emit({ type: 'signedOut', reason, description })
    },
    refreshing: () => become('refreshing'),
    failed(error) {
      const expired = !session || session.accessExpiresAt <= settings.now()
      become(expired ? 'expired' : 'active')
      events.emit({ type: 'refreshFailed', retryable: error.retryable, error })
    },
    read: (answer, before) => readTokens(context, answer, before),
  }
  const tokens = openTokens(context)
  const signOuts = openSignOuts(context)
  const signIn = openSignIn(context, settings.scope)

  async function start(): Promise<Status> {
    const stored = await storage.readSession()
    if (stored && (await storage.readSignOut(stored.id))) {
      // A sign-out that was cut short is finished.
      await storage.removeSession()
    } else if (stored && !session) {
      session = stored
    }
    if (status === 'loading') {
      become(!session ? 'signedOut' : session.accessExpiresAt > settings.now() ? 'active' : 'expired')
    }
    void signOuts.flush()
    return status
  }

  function initialize(): Promise<Status> {
    starting ??= start().catch((error: unknown) => {
      starting = undefined
      throw error
    })
    return starting
  }

  /** Runs a sign-in, and lets it count only if nobody has signed in or out meanwhile. */
  async function enter(work: () => Promise<StoredSession>): Promise<Session> {
    await initialize().catch((error: unknown) => {
      if (!isAuthError(error) || error.code !== 'storage_corrupt') throw error
    })
    if (session) throw new AuthError('config', 'somebody is signed in; sign out first')
    const mine = ++epoch
    become('signingIn')
    try {
      const next = await work()
      await storage.alone(async () => {
        if (mine === epoch) await storage.writeSession(next)
      })
      if (mine !== epoch) {
        await signOuts.begin(next)
        void signOuts.flush()
        throw new AuthError('cancelled', 'signed out while signing in')
      }
      context.adopt(next)
      events.emit({ type: 'signedIn' })
      void signOuts.flush()
      return view(next)
    } catch (error) {
      if (mine === epoch) become('signedOut')
      throw error
    }
  }

  async function leaveHere(): Promise<SignOutResult> {
    const held = session
    epoch++
    tokens.abort()
    const entry = await signOuts.begin(held)
    session = null
    become('signedOut')
    if (held ?? entry) events.emit({ type: 'signedOut', reason: 'user' })
    if (!entry) return { local: 'cleared', remote: 'revoked' }
    events.emit({ type: 'signOutPending', pending: await signOuts.pending().catch(() => 1) })
    const told = await signOuts.flush()
    return { local: 'cleared', remote: told ? 'revoked' : 'queued' }
  }

  async function account(method: string, path: string): Promise<Answer> {
    await initialize()
    const send = (token: string) => wire.ask(method, `${settings.issuer}/account${path}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const { accessToken } = await tokens.fresh(DEFAULT_MIN_TTL_MS)
    let answer = await send(accessToken)
    if (answer.status === 401) answer = await send((await tokens.fresh(0, accessToken)).accessToken)
    if (answer.status >= 300) throw failure(answer)
    return answer
  }

  const client: AuthClient = {
    get status() {
      return status
    },
    initialize,
    signIn: {
      password: (request) => enter(() => signIn.password(request)),
      oidc: (request) => enter(() => signIn.oidc(request)),
    },
    async getAccessToken({ minTtlMs = DEFAULT_MIN_TTL_MS, refused, forceRefresh = false } = {}) {
      await initialize()
      const unwanted = forceRefresh ? session?.accessToken : refused
      return (await tokens.fresh(minTtlMs, unwanted)).accessToken
    },
    async getSession() {
      await initialize()
      return session ? view(session) : null
    },
    async signOut({ scope = 'session' } = {}) {
      if (scope === 'session') {
        leaving ??= leaveHere().finally(() => {
          leaving = undefined
        })
        return leaving
      }
      const others = (await client.listSessions()).filter((found) => !found.current)
      for (const { id } of others) await client.revokeSession(id)
      return scope === 'all' ? client.signOut() : { local: 'cleared', remote: 'revoked' }
    },
    pendingSignOuts: () => signOuts.pending(),
    flushSignOuts: () => signOuts.flush(),
    async listSessions() {
      const { body } = await account('GET', '/sessions')
      return Array.isArray(body.sessions) ? body.sessions.map(readRemote) : []
    },
    async revokeSession(id) {
      await account('DELETE', `/sessions/${encodeURIComponent(id)}`)
    },
    on: events.on,
    dispose() {
      signOuts.dispose()
      tokens.abort()
    },
  }
  return client
}

function view(session: StoredSession): Session {
  const { id, scope, idToken, accessExpiresAt } = session
  return { id, scope, idToken, accessExpiresAt }
}

function readRemote(value: unknown): RemoteSession {
  const found = value as Record<string, string | boolean | null>
  const text = (name: string) => (typeof found[name] === 'string' ? found[name] : undefined)
  return {
    id: String(found.id),
    current: found.current === true,
    device: text('device_name'),
    platform: text('platform'),
    createdAt: text('created_at'),
    lastSeenAt: text('last_seen_at'),
  }
}

/** Reads the answer of the token endpoint (RFC 6749 section 5.1). */
function readTokens(context: Context, answer: Answer, before?: StoredSession): StoredSession {
  const text = (name: string) => {
    const value = answer.body[name]
    return typeof value === 'string' ? value : undefined
  }
  const accessToken = text('access_token')
  if (accessToken === undefined) throw new AuthError('server', 'the answer holds no access token')
  const seconds = Number(answer.body.expires_in ?? 300)
  const handle = text('logout_handle')
  const ending = before?.ending ?? (handle === undefined
    ? { kind: 'refresh_token' as const, endpoint: `${context.issuer}/revoke` }
    : { kind: 'handle' as const, endpoint: `${context.issuer}/account/logout`, handle })
  return {
    version: 1,
    id: before?.id ?? randomText(context.crypto).slice(0, 22),
    accessToken,
    accessExpiresAt: context.now() + seconds * 1000,
    refreshToken: text('refresh_token') ?? before?.refreshToken,
    refreshKey: randomText(context.crypto),
    idToken: text('id_token') ?? before?.idToken,
    scope: text('scope') ?? before?.scope,
    ending,
  }
}

interface Settings {
  issuer: string
  scope: string
  prefix: string
  fetch: Fetch
  crypto: Crypto
  timeoutMs: number
  now: () => number
}

function resolve(options: AuthClientOptions): Settings {
  const wrong = (what: string) => new AuthError('config', what)
  const { issuer, clientId, timeoutMs = 10_000, storagePrefix: prefix = 'menshen' } = options
  if (!/^https?:\/\/[^?#]+$/.test(issuer ?? '')) throw wrong('issuer must be a URL without query')
  if (!clientId) throw wrong('clientId is missing')
  if (!options.storage || !options.outboxStorage) throw wrong('storage and outboxStorage are needed')
  if (!/^[A-Za-z0-9._-]+$/.test(prefix)) throw wrong('storagePrefix may hold letters, digits, . - and _')
  if (!(timeoutMs >= 100 && timeoutMs <= 120_000)) throw wrong('timeoutMs must be 100 to 120,000')
  const ambient = (globalThis as { fetch?: Fetch }).fetch
  const fetch = options.fetch ?? (ambient && ((url, init) => ambient(url, init)))
  if (!fetch) throw wrong('this runtime has no fetch: pass one')
  const crypto = options.crypto ?? webCrypto()
  if (!crypto) throw wrong('this runtime has no WebCrypto: pass crypto')
  return {
    issuer,
    scope: options.scope ?? DEFAULT_SCOPE,
    prefix,
    fetch,
    crypto,
    timeoutMs,
    now: options.now ?? Date.now,
  }
}
