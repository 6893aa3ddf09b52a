/** Sign-out: the user is out at once, and the server is told until it confirms. */
import { AuthError, isAuthError } from './errors.js'
import type { Context } from './context.js'
import type { StoredSession, StoredSignOut } from './storage.js'

/** A confirmed sign-out is remembered as long as a refresh of its session may be under way. */
const REMEMBERED_MS = 24 * 3_600_000
/** No session lives longer than this, so no sign-out needs to wait longer. */
const GIVEN_UP_MS = 400 * REMEMBERED_MS
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 300_000

/** What became of a sign-out. */
export interface SignOutResult {
  /** Nothing that gives access is left on this device. */
  local: 'cleared'
  /** `revoked`: the server has confirmed. `queued`: it will be told as soon as it can be reached. */
  remote: 'revoked' | 'queued'
}

export interface SignOuts {
  /** Ends a session on this device, durably, without the network. */
  begin(session: StoredSession | null): Promise<StoredSignOut | undefined>
  /** Tells the server of every sign-out that waits; `true` when none is left. */
  flush(): Promise<boolean>
  pending(): Promise<number>
  dispose(): void
}

export function openSignOuts(context: Context): SignOuts {
  let flushing: Promise<boolean> | undefined
  let again = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0

  async function begin(held: StoredSession | null): Promise<StoredSignOut | undefined> {
    return context.storage.alone(async () => {
      const stored = await context.storage.readSession().catch(() => null)
      const session = stored ?? held
      let entry: StoredSignOut | undefined
      if (session) {
        entry = {
          version: 1, id: session.id, state: 'pending', since: context.now(), ending: session.ending,
        }
        try {
          // Where only the refresh token can end the session, it stays where it was safe.
          if (!session.ending.handle && session.refreshToken !== undefined) {
            await context.storage.writeSecret(session.id, session.refreshToken)
          }
          await context.storage.writeSignOut(entry)
        } catch (error) {
          context.emit({ type: 'error', error: error as AuthError })
        }
      }
      await context.storage.removeSession().catch((error: unknown) => {
        context.emit({ type: 'error', error: error as AuthError })
      })
      return entry
    })
  }

  /** One pass at a time; what is added meanwhile is part of the next. */
  function flush(): Promise<boolean> {
    if (flushing) {
      again = true
      return flushing
    }
    clearTimeout(timer)
    flushing = (async () => {
      let left: number
      do {
        again = false
        left = await pass()
      } while (again)
      if (left > 0) plan()
      else failures = 0
      return left === 0
    })().finally(() => {
      flushing = undefined
    })
    return flushing
  }

  async function pass(): Promise<number> {
    let left = 0
    for (const entry of await context.storage.signOuts().catch(() => [] as StoredSignOut[])) {
      const age = context.now() - entry.since
      if (entry.state === 'done') {
        if (age > REMEMBERED_MS) await context.storage.removeSignOut(entry.id).catch(() => undefined)
        continue
      }
      if (age > GIVEN_UP_MS || (await confirmed(entry))) {
        await settle(entry).catch(() => { left++ })
      } else {
        left++
      }
    }
    return left
  }

  async function settle(entry: StoredSignOut): Promise<void> {
    await context.storage.writeSignOut({ version: 1, id: entry.id, state: 'done', since: context.now() })
    if (!entry.ending?.handle) await context.storage.removeSecret(entry.id)
    context.emit({ type: 'signOutCompleted', pending: await pending() })
  }

  /** Whether the server knows, or never will. */
  async function confirmed(entry: StoredSignOut): Promise<boolean> {
    try {
      const { ending } = entry
      if (!ending) return true
      const token = ending.handle ?? (await context.storage.readSecret(entry.id))
      if (token === null || token === undefined) return true
      const answer = await context.wire.form(ending.endpoint, ending.kind === 'handle'
        ? { token }
        : { token, token_type_hint: 'refresh_token', client_id: context.clientId })
      const { status } = answer
      return status < 300 || (status >= 400 && status < 500 && status !== 408 && status !== 429)
    } catch (error) {
      if (!isAuthError(error)) throw error
      return false
    }
  }

  function plan(): void {
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS)
    const [random = 0] = context.crypto.randomBytes(1)
    timer = setTimeout(() => void flush(), longest * (0.5 + random / 512))
    // In Node a sign-out that waits keeps no process alive.
    ;(timer as { unref?: () => void }).unref?.()
  }

  async function pending(): Promise<number> {
    return (await context.storage.signOuts()).filter((entry) => entry.state === 'pending').length
  }

  return { begin, flush, pending, dispose: () => clearTimeout(timer) }
}
