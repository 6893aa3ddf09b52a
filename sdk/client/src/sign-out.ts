/** Sign-out: the user is out at once, and the server is told until it confirms. */
import type { Context } from './context.js'
import { isAuthError, type AuthError } from './errors.js'
import type { StoredSession, StoredSignOut } from './storage.js'
import { textIn } from './wire.js'

/** A confirmed sign-out is remembered as long as a refresh of its session may be under way. */
const REMEMBERED_MS = 24 * 3_600_000
/** No session lives longer than this, so no sign-out needs to wait longer. */
const GIVEN_UP_MS = 400 * REMEMBERED_MS
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 300_000

export interface SignOuts {
  /**
   * Ends a session on this device, without the network: the one in memory, or else the stored one.
   *
   * @throws {AuthError} `storage_unavailable` when there is none in memory, and none can be read.
   */
  begin(held: StoredSession | null, state?: 'done'): Promise<Begun>
  /** Ends a session that was opened or renewed, and then not kept. */
  discard(session: StoredSession): Promise<void>
  /** A sign-out that is not on the device, or not yet. */
  unwritten(id: string): StoredSignOut | undefined
  /** Tells the server of one sign-out. */
  tell(entry: StoredSignOut): Promise<Told>
  /** Tells the server of every sign-out that waits; `true` when none is left. */
  flush(): Promise<boolean>
  pending(): Promise<number>
  dispose(): void
}

/** A sign-out begun. */
export interface Begun {
  /** None when nobody was signed in. */
  session?: StoredSession
  entry?: StoredSignOut
  /** Whether the sign-out itself is on the device. */
  durable: boolean
  /** Whether the tokens are gone from it. */
  cleared: boolean
}

/**
 * - `confirmed`: the server knows.
 * - `refused`: it never will: it refused what there was to tell, or that was lost.
 * - `unclear`: whoever answered said neither.
 * - `unreachable`: nobody answered.
 */
type Told = 'confirmed' | 'refused' | 'unclear' | 'unreachable'

export function openSignOuts(context: Context): SignOuts {
  const { settings, storage, state, wire } = context
  const { now, timers } = settings
  /** Sign-outs that the device could not keep, with the token that ends them: told while we live. */
  const unwritten = new Map<string, { entry: StoredSignOut; token?: string }>()
  const telling = new Map<string, Promise<Told>>()
  let flushing: Promise<boolean> | undefined
  let again = false
  let timer: unknown
  let isDisposed = false
  let failures = 0
  /** What the server asked for the last time, in milliseconds. */
  let retryAfterMs = 0

  const fail = (error: AuthError) => state.emit({ type: 'error', error })
  const isTold = (told: Told) => told === 'confirmed' || told === 'refused'

  const begin: SignOuts['begin'] = (held, done) => {
    // A device that keeps nothing, or hangs, does not keep the server from hearing of it.
    if (held) unwritten.set(held.id, { entry: entryOf(held, done), token: held.refreshToken })
    return storage.alone(async () => {
      const stored = await storage.readSession().catch((error: AuthError) => {
        if (!held && error.code === 'storage_unavailable') throw error
        return null
      })
      const session = (held && stored?.id !== held.id ? held : stored) ?? undefined
      const entry = session && entryOf(session, done)
      const durable = entry !== undefined && (await keep(entry, session?.refreshToken))
      // What belongs to a session begun meanwhile in another tab stays.
      if (stored && stored.id !== session?.id) return { session, entry, durable, cleared: true }
      const cleared = await storage.removeSession().then(() => true, (error: AuthError) => {
        fail(error)
        return false
      })
      return { session, entry, durable, cleared }
    })
  }

  const entryOf = ({ id, ending }: StoredSession, done?: 'done'): StoredSignOut => (
    { version: 1, id, since: now(), ...(done ? { state: done } : { state: 'pending', ending }) }
  )

  /** Where only the refresh token can end the session, it stays where it was safe. */
  async function keep(entry: StoredSignOut, refreshToken: string | undefined): Promise<boolean> {
    const token = entry.ending && !entry.ending.handle ? refreshToken : undefined
    try {
      if (token !== undefined) await storage.writeSecret(entry.id, token)
      await storage.writeSignOut(entry)
      unwritten.delete(entry.id)
      return true
    } catch (error) {
      fail(error as AuthError)
      unwritten.set(entry.id, { entry, token })
      return false
    }
  }

  async function discard(session: StoredSession): Promise<void> {
    // A word under way speaks of the token before, and would take this one for told.
    await telling.get(session.id)
    await keep(entryOf(session), session.refreshToken)
    void flush()
  }

  /** One pass at a time; what is added meanwhile is part of the next. */
  function flush(): Promise<boolean> {
    again = true
    flushing ??= run().finally(() => {
      flushing = undefined
    })
    return flushing
  }

  async function run(): Promise<boolean> {
    if (retryAfterMs > 0) {
      // The server has asked for time, and the timer will come back to it.
      if (timer === undefined) plan()
      return false
    }
    let isEmpty = false
    while (again && retryAfterMs === 0) {
      again = false
      isEmpty = await pass()
    }
    if (!isEmpty) {
      plan()
      return false
    }
    failures = 0
    stop()
    return true
  }

  async function pass(): Promise<boolean> {
    for (const { entry, token } of unwritten.values()) await keep(entry, token)
    const entries = await storage.signOuts().catch((error: AuthError) => fail(error))
    const all = [...(entries ?? []), ...[...unwritten.values()].map(({ entry }) => entry)]
    const left = await Promise.all(all.map(async (entry) => {
      if (entry.state === 'pending') return !isTold(await tell(entry))
      const age = now() - entry.since
      // What a leap of the clock makes look young is old as well.
      if (age > REMEMBERED_MS || age < -REMEMBERED_MS) await storage.removeSignOut(entry.id).catch(fail)
      return false
    }))
    return entries !== undefined && !left.includes(true)
  }

  function tell(entry: StoredSignOut): Promise<Told> {
    const under = telling.get(entry.id) ?? ask(entry).then(async (told) => {
      // A device whose clock leaps must not forget a sign-out that nobody has heard of.
      const givenUp = told === 'unclear' && now() - entry.since > GIVEN_UP_MS
      const outcome = givenUp ? 'refused' : told
      if (isTold(outcome)) await settle(entry, outcome === 'confirmed').catch(fail)
      return outcome
    }).finally(() => telling.delete(entry.id))
    telling.set(entry.id, under)
    return under
  }

  async function settle(entry: StoredSignOut, confirmed: boolean): Promise<void> {
    unwritten.delete(entry.id)
    if (entry.ending?.kind === 'refresh_token') await storage.removeSecret(entry.id)
    await storage.writeSignOut({ version: 1, id: entry.id, state: 'done', since: now() })
    state.emit({ type: 'signOutCompleted', pending: await pending(), confirmed })
  }

  async function ask({ id, ending }: StoredSignOut): Promise<Told> {
    try {
      const token = ending?.handle ?? unwritten.get(id)?.token ?? (await storage.readSecret(id))
      if (!ending?.endpoint || !token) return 'refused'
      const answer = await wire.form(ending.endpoint, ending.handle
        ? { token }
        : { token, token_type_hint: 'refresh_token', client_id: settings.clientId })
      retryAfterMs = answer.retryAfterMs ?? 0
      const { status, body } = answer
      // A page that some network puts in between is no receipt.
      if (status >= 200 && status < 300) return !ending.handle || typeof body.ended === 'object' ? 'confirmed' : 'unclear'
      const isFinal = status >= 400 && status < 500 && ![408, 425, 429].includes(status) &&
        Boolean(textIn(body, 'error') ?? textIn(body, 'code'))
      return isFinal ? 'refused' : 'unclear'
    } catch (error) {
      if (!isAuthError(error)) throw error
      return 'unreachable'
    }
  }

  function stop(): void {
    timers.clearTimeout(timer)
    timer = undefined
  }

  function plan(): void {
    if (isDisposed) return
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS)
    const [random = 0] = settings.crypto.randomBytes(1)
    stop()
    timer = timers.setTimeout(() => {
      retryAfterMs = 0
      timer = undefined
      void flush()
    }, Math.max(retryAfterMs, longest * (0.5 + random / 512)))
    // In Node a sign-out that waits keeps no process alive.
    ;(timer as { unref?: () => void }).unref?.()
  }

  async function pending(): Promise<number> {
    const stored = (await storage.signOuts()).filter((entry) => entry.state === 'pending')
    return new Set([...stored.map(({ id }) => id), ...unwritten.keys()]).size
  }

  function dispose(): void {
    isDisposed = true
    stop()
  }

  return { begin, discard, unwritten: (id) => unwritten.get(id)?.entry, tell, flush, pending, dispose }
}
