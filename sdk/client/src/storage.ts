/** The device's storage: what is kept, in which form, and one piece of work on it at a time. */
import type { Clock } from './clock.js'
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
export type Lock = (name: string, work: () => Promise<unknown>) => Promise<unknown>

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

/** One place in the device's storage. Each call may fail with `storage_unavailable`. */
export interface Slot<T> {
  /** What is there; when it is not what was put there, `instead`, or else `storage_corrupt`. */
  read<I = never>(instead?: I): Promise<T | I | null>
  write(value: T): Promise<void>
  remove(): Promise<void>
}

export interface Storage {
  readonly session: Slot<StoredSession>
  signOut(id: string): Slot<StoredSignOut>
  signOuts(): Promise<StoredSignOut[]>
  /** A refresh token that a sign-out still needs, where the provider knows no handles. */
  secret(id: string): Slot<string>
  /** The mark of this installation, where there is a place for it. */
  readonly marker?: Slot<string>
  /** Runs one piece of work at a time, over every client of this storage. */
  alone<T>(work: () => Promise<T>): Promise<T>
}

export interface Places {
  storage: SessionStorage
  outboxStorage: OutboxStorage
  installMarker?: SessionStorage
  storagePrefix: string
  lock?: Lock
  timeoutMs: number
}

/** How long a lock is waited for, in milliseconds. */
const LOCK_TIMEOUT_MS = 2_000

/** The last piece of work on a storage: over every client of it in this process. */
const queues = new WeakMap<SessionStorage, Promise<unknown>>()

export function openStorage(places: Places, clock: Clock): Storage {
  const { storage: secure, outboxStorage: outbox, installMarker, storagePrefix: prefix, lock, timeoutMs } = places

  /** One call of the device's storage, which may fail and may hang. */
  const call = async <T>(work: () => Promise<T> | T): Promise<T> => {
    try {
      return await clock.within(timeoutMs, (async () => work())())
    } catch (cause) {
      throw new AuthError('storage_unavailable', 'the storage failed', { cause })
    }
  }
  const slot = <T>(place: SessionStorage, name: string, is: (value: unknown) => boolean): Slot<T> => {
    const key = `${prefix}.${name}`
    return {
      read: async (instead) => parse(await call(() => place.getItem(key)), is, instead),
      write: (value) => call(() => place.setItem(key, JSON.stringify(value))),
      remove: () => call(() => place.removeItem(key)),
    }
  }
  const signOut = (id: string): Slot<StoredSignOut> => {
    const entry = slot<StoredSignOut>(outbox, `signout.${id}`, isSignOut)
    return {
      ...entry,
      // One that cannot be read is still a mark that the session is over.
      read: () => entry.read({ version: 1, id, state: 'done', since: 0 } as StoredSignOut),
    }
  }

  return {
    session: slot(secure, 'session', isSession),
    signOut,
    async signOuts() {
      const start = `${prefix}.signout.`
      const keys = (await call(() => outbox.keys())).filter((key) => key.startsWith(start))
      const found = await Promise.all(keys.map((key) => signOut(key.slice(start.length)).read()))
      return found.filter((entry) => entry !== null).sort((a, b) => a.since - b.since)
    },
    secret: (id) => slot(secure, `ending.${id}`, isText),
    marker: installMarker && slot(installMarker, 'installed', isText),
    alone<T>(work: () => Promise<T>) {
      const result = (queues.get(secure) ?? Promise.resolve()).then(() => (lock ? locked(lock, work) : work()))
      queues.set(secure, result.catch(() => undefined))
      return result
    },
  }

  /** Runs `work` under the lock, or without it when it is not had in time: who holds it may be frozen. */
  async function locked<T>(lock: Lock, work: () => Promise<T>): Promise<T> {
    let running: Promise<T> | undefined
    const once = () => (running ??= work())
    await clock.within(LOCK_TIMEOUT_MS, lock(`${prefix}.storage`, once)).catch(() => undefined)
    return once()
  }
}

/** Messages quote nothing: what is there may be a token, whole or in part. */
function parse(text: string | null | undefined, is: (value: unknown) => boolean, instead: unknown): any {
  // Some adapters write "null" or an empty text in place of removing.
  if (!text || /^(null|undefined)$/.test(text)) return null
  try {
    const value: unknown = JSON.parse(text)
    if (is(value)) return value
  } catch {
    // As below.
  }
  if (instead !== undefined) return instead
  throw new AuthError('storage_corrupt', 'the storage gave back no record')
}

const isText = (value: unknown) => typeof value === 'string'

const isSession = (value: unknown) => has(value, 'string', 'id', 'accessToken', 'refreshKey') &&
  has(value, 'number', 'accessObtainedAt', 'accessExpiresAt') && has(value, 'object', 'ending')

const isSignOut = (value: unknown) => has(value, 'string', 'id', 'state') && has(value, 'number', 'since')

function has(value: unknown, type: string, ...names: string[]): boolean {
  const record = { ...(value as Record<string, unknown>) }
  return record.version === 1 && names.every((name) => record[name] && typeof record[name] === type || record[name] === 0)
}
