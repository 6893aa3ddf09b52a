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

/** A session as it is kept. Token and key of a refresh are one value, so that none is without the other. */
export interface StoredSession {
  readonly version: 1
  /** Names this session on this device; random. */
  readonly id: string
  readonly accessToken: string
  /** Milliseconds since 1970 by this device's clock. */
  readonly accessExpiresAt: number
  readonly refreshToken?: string
  /** Sent as `Idempotency-Key` with every attempt to use `refreshToken`. */
  readonly refreshKey: string
  readonly idToken?: string
  readonly scope?: string
  /** How the server is told of a sign-out. */
  readonly ending: Ending
}

/** How the server is told of a sign-out: what to send, and where. */
export interface Ending {
  readonly kind: 'handle' | 'refresh_token'
  readonly endpoint: string
  /** A logout handle, which can end this session and do nothing else; absent for other providers. */
  readonly handle?: string
}

/** A sign-out as it waits, and, once confirmed, the mark that its session is over. */
export interface StoredSignOut {
  readonly version: 1
  readonly id: string
  readonly state: 'pending' | 'done'
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
  /** Runs one piece of work at a time, over every client of this storage in this process. */
  alone<T>(work: () => Promise<T>): Promise<T>
}

const queues = new WeakMap<SessionStorage, Map<string, Promise<unknown>>>()

export function openStorage(secure: SessionStorage, outbox: OutboxStorage, prefix: string): Storage {
  const session = `${prefix}.session`
  const signOut = (id: string) => `${prefix}.signout.${id}`
  const secret = (id: string) => `${prefix}.ending.${id}`

  const get = async (from: SessionStorage, key: string) => {
    try {
      return (await from.getItem(key)) ?? null
    } catch (cause) {
      throw unavailable('read', cause)
    }
  }
  const set = async (to: SessionStorage, key: string, value: string) => {
    try {
      await to.setItem(key, value)
    } catch (cause) {
      throw unavailable('write', cause)
    }
  }
  const remove = async (from: SessionStorage, key: string) => {
    try {
      await from.removeItem(key)
    } catch (cause) {
      throw unavailable('remove from', cause)
    }
  }

  return {
    readSession: async () => parse(await get(secure, session), isSession),
    writeSession: (value) => set(secure, session, JSON.stringify(value)),
    removeSession: () => remove(secure, session),
    readSignOut: async (id) => parse(await get(outbox, signOut(id)), isSignOut),
    writeSignOut: (value) => set(outbox, signOut(value.id), JSON.stringify(value)),
    removeSignOut: (id) => remove(outbox, signOut(id)),
    async signOuts() {
      let keys: readonly string[]
      try {
        keys = await outbox.keys()
      } catch (cause) {
        throw unavailable('read', cause)
      }
      const found: StoredSignOut[] = []
      for (const key of keys.filter((key) => key.startsWith(signOut('')))) {
        const entry = parse(await get(outbox, key), isSignOut)
        if (entry) found.push(entry)
      }
      return found.sort((a, b) => a.since - b.since)
    },
    readSecret: (id) => get(secure, secret(id)),
    writeSecret: (id, token) => set(secure, secret(id), token),
    removeSecret: (id) => remove(secure, secret(id)),
    alone(work) {
      const mine = queues.get(secure) ?? new Map<string, Promise<unknown>>()
      queues.set(secure, mine)
      const before = mine.get(prefix) ?? Promise.resolve()
      const result = before.then(work, work)
      mine.set(prefix, result.catch(() => undefined))
      return result
    },
  }
}

function unavailable(what: string, cause: unknown): AuthError {
  return new AuthError('storage_unavailable', `could not ${what} the device's storage`, { cause })
}

function parse<T>(text: string | null, is: (value: unknown) => value is T): T | null {
  if (text === null || text === '' || text === 'null' || text === 'undefined') return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new AuthError('storage_corrupt', 'the device\'s storage gave back something else', { cause })
  }
  if (is(value)) return value
  throw new AuthError('storage_corrupt', 'the device\'s storage gave back something else')
}

function has(value: unknown, names: string[]): boolean {
  const record = value as Record<string, unknown> | null
  return typeof record === 'object' && record !== null && record.version === 1 &&
    names.every((name) => typeof record[name] === 'string')
}

function isSession(value: unknown): value is StoredSession {
  return has(value, ['id', 'accessToken', 'refreshKey'])
}

function isSignOut(value: unknown): value is StoredSignOut {
  return has(value, ['id', 'state'])
}
