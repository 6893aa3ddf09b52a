/** Sign-out: the user is out at once, and the server is told until it confirms. */
import type { Context } from './context.js'
import { isAuthError, type AuthError } from './errors.js'
import { random } from './pkce.js'
import { shared } from './single-flight.js'
import type { StoredSession, StoredSignOut } from './storage.js'
import { failure, isFinal } from './wire.js'

/** A confirmed sign-out is remembered as long as a refresh of its session may be under way. */
const REMEMBERED_MS = 24 * 3_600_000
/** No session lives longer than this, so no sign-out needs to wait longer. */
const GIVEN_UP_MS = 400 * REMEMBERED_MS
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 300_000

export interface SignOuts {
  /**
   * Ends a session on this device, without the network: the one in memory, or else the stored one.
   * `isTold` when the server knows.
   *
   * @throws {AuthError} `storage_unavailable` when there is none in memory, and none can be read.
   */
  begin(held: StoredSession | null, isTold?: boolean): Promise<Begun>
  /** Ends a session that was opened or renewed, and then not kept. */
  discard(session: StoredSession): Promise<void>
  /** Tells the server of the end of a session, wherever that is written down. */
  tell(session: StoredSession): Promise<Told>
  /** Tells the server of every sign-out that waits; `true` when none is left. */
  flush(): Promise<boolean>
  pending(): Promise<number>
  dispose(): void
}

/** A sign-out begun. */
export interface Begun {
  /** None when nobody was signed in. */
  session: StoredSession | null
  /** Whether the sign-out itself is on the device. */
  durable?: boolean
  /** Whether the tokens are gone from it. */
  cleared?: boolean
  /** Whether there was one that nobody could read, and so nobody can tell the server of. */
  lost?: boolean
}

/**
 * - `confirmed`: the server knows.
 * - `refused`: it never will: it refused what there was to tell, or that was lost.
 * - `unclear`: whoever answered said neither.
 * - `unreachable`: nobody answered.
 */
export type Told = 'confirmed' | 'refused' | 'unclear' | 'unreachable'

export function openSignOuts(context: Context): SignOuts {
  const { settings, clock, storage, state, wire } = context
  /** What is being told, by session: two who tell the same share one answer. */
  const telling = new Map<string, Promise<Told>>()
  let again = false
  /** Calls off the pass that is planned. */
  let unplan: (() => void) | undefined
  let isDisposed = false
  let failures = 0
  /** How long the server wants to be left alone, in milliseconds; until then only the plan asks again. */
  let quietMs = 0

  const succeeds = (work: Promise<void>) => work.then(() => true, (error) => {
    state.warn(error)
    return false
  })

  function begin(held: StoredSession | null, isTold?: boolean): Promise<Begun> {
    return storage.alone(async () => {
      let lost = false
      const stored = await storage.session.read().catch((error: AuthError) => {
        if (!held && error.code === 'storage_unavailable') throw error
        lost = !held
        return null
      })
      const session = held && stored?.id !== held.id ? held : stored
      const durable = session !== null && await succeeds(isTold ? done(session.id) : keep(session))
      // What belongs to a session begun meanwhile in another tab stays.
      const isOther = stored !== null && stored !== session
      return { session, durable, lost, cleared: isOther || await succeeds(storage.session.remove()) }
    })
  }

  async function keep({ id, ending, refreshToken }: StoredSession): Promise<void> {
    // Where only the refresh token can end the session, it stays where it was safe.
    if (!ending.handle && refreshToken) await storage.secret(id).write(refreshToken)
    await storage.signOut(id).write({ version: 1, id, state: 'pending', since: clock.now(), ending })
  }

  const done = (id: string) => storage.signOut(id).write({ version: 1, id, state: 'done', since: clock.now() })

  async function discard(session: StoredSession): Promise<void> {
    // A word under way speaks of the token before, and would take this one for told.
    await telling.get(session.id)
    if (!await succeeds(keep(session))) void tell(session)
    void flush()
  }

  /** One pass at a time; what is added meanwhile is part of the next. */
  function flush(): Promise<boolean> {
    again = true
    return run()
  }

  const run = shared(async () => {
    let isEmpty = false
    while (again && !quietMs) {
      again = false
      isEmpty = await pass()
    }
    if (isEmpty) failures = 0
    if (isEmpty || !quietMs || !unplan) plan(isEmpty)
    return isEmpty
  })

  async function pass(): Promise<boolean> {
    try {
      const entries = await storage.signOuts()
      const left = await Promise.all(entries.map(async (entry) => {
        if (entry.state === 'pending') return isOpen(await tell(entry))
        // What a leap of the clock makes look young is old as well.
        if (Math.abs(clock.now() - entry.since) > REMEMBERED_MS) await storage.signOut(entry.id).remove()
        return false
      }))
      return !left.includes(true)
    } catch (error) {
      state.warn(error)
      return false
    }
  }

  const isOpen = (told: Told) => told === 'unclear' || told === 'unreachable'

  function tell(entry: StoredSession | StoredSignOut): Promise<Told> {
    const under = telling.get(entry.id) ?? ask(entry).then(async (told) => {
      // A device whose clock leaps must not forget a sign-out that nobody has heard of.
      const isOld = 'since' in entry && clock.now() - entry.since > GIVEN_UP_MS
      const outcome = told === 'unclear' && isOld ? 'refused' : told
      if (!isOpen(outcome) && await succeeds(settle(entry.id))) {
        state.emit({ type: 'signOutCompleted', pending: await pending().catch(() => 0), confirmed: outcome === 'confirmed' })
      }
      return outcome
    }).finally(() => telling.delete(entry.id))
    telling.set(entry.id, under)
    return under
  }

  async function settle(id: string): Promise<void> {
    await storage.secret(id).remove()
    await done(id)
  }

  async function ask({ id, ending, ...entry }: StoredSession | StoredSignOut): Promise<Told> {
    try {
      const { endpoint, handle } = ending ?? {}
      const token = handle ?? ('refreshToken' in entry ? entry.refreshToken : await storage.secret(id).read())
      if (!endpoint || !token) return 'refused'
      const answer = await wire('POST', endpoint, handle
        ? { token }
        : { token, token_type_hint: 'refresh_token', client_id: settings.clientId })
      quietMs = answer.retryAfterMs ?? 0
      // A page that some network puts in between is no receipt.
      if (answer.isOk) return !handle || answer.body.ended ? 'confirmed' : 'unclear'
      return isFinal(answer.status) && !failure(answer).retryable ? 'refused' : 'unclear'
    } catch (error) {
      if (!isAuthError(error)) throw error
      return 'unreachable'
    }
  }

  function plan(isEmpty: boolean): void {
    unplan?.()
    unplan = undefined
    if (isEmpty || isDisposed) return
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS)
    unplan = clock.later(Math.max(quietMs, longest * (0.5 + random(settings.crypto) / 2)), () => {
      quietMs = 0
      unplan = undefined
      void flush()
    })
  }

  const pending = async () => (await storage.signOuts()).filter((entry) => entry.state === 'pending').length

  function dispose(): void {
    isDisposed = true
    plan(true)
  }

  return { begin, discard, tell, flush, pending, dispose }
}
