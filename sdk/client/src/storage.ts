/** The device's storage: what is kept, in which form, and one piece of work on it at a time. */
import type { Timers } from './ambient.js'
import { AuthError } from './errors.js'

/**
 * Where a session is kept: three methods, each of which may answer at once or later. Keys are made
 * of letters, digits, `.`, `-` and `_`.
 */
export interface SessionStorage {
  /** The value, or `null` or `undefined` for none. Must throw when it cannot tell. */
  getItem(key: string): Promise<string | null | undefined> | string | null | undefined
  /** Resolves when the value is on the device. */
  setItem(key: string, value: string): Promise<void> | void
  /** Resolves when the value is gone; no error when there was none. */
  removeItem(key: string): Promise<void> | void
}

/** Where sign-outs wait for the server: as {@link SessionStorage}, and it can name its keys. */
export interface OutboxStorage extends SessionStorage {
  /** Every key there is, also those of others. */
  keys(): Promise<readonly string[]> | readonly string[]
}

/** Runs `work` while no other process does the same under that name, as Web Locks do. */
export type Lock = (name: string, work: () => Promise<void>) => Promise<unknown>

/** A session as it is kept. Token and key of a refresh are one value, so that none is without the other. */
export interface StoredSession {
  readonly version: 1
  /** Names this session on this device; random. */
  readonly id: string
  readonly accessToken: string
  /** Milliseconds since 1970 by this device's clock, when the access token came. */
  readonly accessObtainedAt: number
  /** Likewise, when it expires. */
  readonly accessExpiresAt: number
  readonly refreshToken?: string
  /** Sent as `Idempotency-Key` with every attempt to use `refreshToken`. */
  readonly refreshKey: string
  readonly idToken?: string
  readonly scope?: string
  /** How the server is told of a sign-out. */
  readonly ending: Ending
  /** Whether the mark of this installation lay in its place when the session began. */
  readonly marked?: boolean
}

/** How the server is told of a sign-out: what to send, and where. */
export interface Ending {
  readonly kind: 'handle' | 'refresh_token'
  /** Absent when the provider has no place to tell. */
  readonly endpoint?: string
  /** A logout handle, which can end this session and do nothing else; absent for other providers. */
  readonly handle?: string
}

/** A sign-out as it waits, and, once confirmed, the mark that its session is over. */
export interface StoredSignOut {
  readonly version: 1
  readonly id: string
  readonly state: 'pending' | 'done'
  /** Milliseconds since 1970. */
  readonly since: number
  readonly ending?: Ending
}

export interface Storage {
  readSession(): Promise<StoredSession | null>
  writeSession(session: StoredSession): Promise<void>
  removeSession(): Promise<void>
  readSignOut(id: string): Promise<StoredSignOut | null>
  writeSignOut(signOut: StoredSignOut): Promise<void>
  removeSignOut(id: string): Promise<void>
  signOuts(): Promise<StoredSignOut[]>
  /** A refresh token that a sign-out still needs, where the provider knows no handles. */
  readSecret(id: string): Promise<string | null>
  writeSecret(id: string, token: string): Promise<void>
  removeSecret(id: string): Promise<void>
  /** Whether this installation has left its mark; `undefined` when no place was given for it. */
  isMarked(): Promise<boolean | undefined>
  mark(): Promise<void>
  /** Runs one piece of work at a time, over every client of this storage. */
  alone<T>(work: () => Promise<T>): Promise<T>
}

export interface Places {
  storage: SessionStorage
  outboxStorage: OutboxStorage
  installMarker?: SessionStorage
  storagePrefix: string
  lock?: Lock
  timers: Timers
  timeoutMs: number
}

/** How long a lock is waited for, in milliseconds. */
const LOCK_TIMEOUT_MS = 2_000

/** Work under way on a storage, by its prefix: over every client of it in this process. */
const queues = new WeakMap<SessionStorage, Map<string, Promise<unknown>>>()

export function openStorage(places: Places): Storage {
  const { storage: secure, outboxStorage: outbox, installMarker: marker, storagePrefix: prefix, timers, timeoutMs } = places
  const session = `${prefix}.session`
  const signOut = (id: string) => `${prefix}.signout.${id}`
  const secret = (id: string) => `${prefix}.ending.${id}`
  const installed = `${prefix}.installed`

  /** One call of the device's storage, which may fail and may hang. */
  const call = async <T>(what: string, work: () => Promise<T> | T): Promise<T> => {
    try {
      return await within(timers, timeoutMs, (async () => work())())
    } catch (cause) {
      throw new AuthError('storage_unavailable', `could not ${what} the device's storage`, { cause })
    }
  }
  const get = (from: SessionStorage, key: string) => call('read', async () => (await from.getItem(key)) ?? null)
  const set = (to: SessionStorage, key: string, value: string) => call('write', () => to.setItem(key, value))
  const remove = (from: SessionStorage, key: string) => call('remove from', () => from.removeItem(key))

  return {
    readSession: async () => parse(await get(secure, session), isSession),
    writeSession: (value) => set(secure, session, JSON.stringify(value)),
    removeSession: () => remove(secure, session),
    // An entry that cannot be read is still a mark that the session is over.
    readSignOut: async (id) => parseSignOut(id, await get(outbox, signOut(id))),
    writeSignOut: (value) => set(outbox, signOut(value.id), JSON.stringify(value)),
    removeSignOut: (id) => remove(outbox, signOut(id)),
    async signOuts() {
      const start = signOut('')
      const keys = (await call('read', () => outbox.keys())).filter((key) => key.startsWith(start))
      const found = await Promise.all(keys.map(async (key) => parseSignOut(key.slice(start.length), await get(outbox, key))))
      return found.filter((entry) => entry !== null).sort((a, b) => a.since - b.since)
    },
    readSecret: (id) => get(secure, secret(id)),
    writeSecret: (id, token) => set(secure, secret(id), token),
    removeSecret: (id) => remove(secure, secret(id)),
    isMarked: async () => marker && Boolean(await get(marker, installed)),
    mark: async () => marker && set(marker, installed, '1'),
    alone<T>(work: () => Promise<T>) {
      const mine = queues.get(secure) ?? new Map<string, Promise<unknown>>()
      queues.set(secure, mine)
      const { lock } = places
      const run = lock ? () => locked(lock, `${prefix}.storage`, timers, work) : work
      const result = (mine.get(prefix) ?? Promise.resolve()).then(run)
      mine.set(prefix, result.catch(() => undefined))
      return result
    },
  }
}

/** Runs `work` under a lock, or without it when it is not had in time: who holds it may be frozen. */
function locked<T>(lock: Lock, name: string, timers: Timers, work: () => Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let begun = false
    const once = async () => {
      if (begun) return
      begun = true
      timers.clearTimeout(timer)
      await work().then(resolve, reject)
    }
    const timer = timers.setTimeout(once, LOCK_TIMEOUT_MS)
    void (async () => lock(name, once))().catch(once)
  })
}

/** What `work` answers, or an error once so many milliseconds are over. */
export async function within<T>(timers: Timers, ms: number, work: Promise<T>): Promise<T> {
  let timer: unknown
  const late = new Promise<never>((_, reject) => {
    timer = timers.setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  return Promise.race([work, late]).finally(() => timers.clearTimeout(timer))
}

/** Messages quote nothing: what is there may be a token, whole or in part. */
function parse<T>(text: string | null, is: (value: unknown) => value is T): T | null {
  // Some adapters write "null" or an empty text in place of removing.
  if (!text || text === 'null' || text === 'undefined') return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Told below.
  }
  if (is(value)) return value
  throw new AuthError('storage_corrupt', 'the device\'s storage gave back something else')
}

function parseSignOut(id: string, text: string | null): StoredSignOut | null {
  try {
    return parse(text, isSignOut)
  } catch {
    return { version: 1, id, state: 'done', since: 0 }
  }
}

function has(value: unknown, type: string, names: string[]): value is Record<string, unknown> {
  const record = value as Record<string, unknown> | null | undefined
  return typeof record === 'object' && record?.version === 1 && names.every((name) => typeof record[name] === type)
}

function isSession(value: unknown): value is StoredSession {
  return has(value, 'string', ['id', 'accessToken', 'refreshKey']) &&
    has(value, 'number', ['accessObtainedAt', 'accessExpiresAt']) && has(value, 'object', ['ending']) && value.ending !== null
}

function isSignOut(value: unknown): value is StoredSignOut {
  return has(value, 'string', ['id', 'state']) && has(value, 'number', ['since'])
}
