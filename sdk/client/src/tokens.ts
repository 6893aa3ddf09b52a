/** Refresh: one at a time, safe to lose at every step, and never after a sign-out. */
import { openAbort, type Abort } from './abort.js'
import type { Context } from './context.js'
import { AuthError, isAuthError } from './errors.js'
import type { SignOuts } from './sign-out.js'
import { isGood } from './state.js'
import type { StoredSession } from './storage.js'
import { renewed } from './token-response.js'
import { failure, type Answer } from './wire.js'

/** How often one refresh is tried before its failure is told; each try sends the same key. */
const TRIES = 3
const FIRST_PAUSE_MS = 400
/** A server that wants to be left alone for longer is asked again by a later call. */
const LONGEST_PAUSE_MS = 3_000

export interface Tokens {
  /**
   * A session whose access token is good for `minTtlMs` and is not the one that an API `refused`.
   */
  fresh(minTtlMs: number, refused?: string): Promise<StoredSession>
  /** Calls off a refresh under way. */
  abort(): void
  dispose(): void
}

export function openTokens(context: Context, signOuts: SignOuts): Tokens {
  const { settings, state, storage, wire } = context
  let running: { epoch: number; work: Promise<StoredSession>; abort: Abort } | undefined
  /** What the server said when it asked to be left alone, for as long as it did. */
  let told: { error: AuthError; timer: unknown } | undefined

  const good = (session: StoredSession, minTtlMs: number, refused?: string) =>
    session.accessToken !== refused && isGood(session, settings.now(), minTtlMs)

  async function fresh(minTtlMs: number, refused?: string): Promise<StoredSession> {
    const held = state.session
    if (!held) throw signedOut()
    if (good(held, minTtlMs, refused)) return held
    try {
      return await shared(minTtlMs, refused)
    } catch (error) {
      // What is left of the old token is better than nothing while the server is away.
      const still = state.session
      if (isAuthError(error) && error.retryable && still && good(still, 0, refused)) return still
      throw error
    }
  }

  /** One refresh for all who ask; nobody shares one that began before a sign-out. */
  function shared(minTtlMs: number, refused: string | undefined): Promise<StoredSession> {
    const { epoch } = state
    if (running?.epoch === epoch) return running.work
    const abort = openAbort()
    const work = refresh(epoch, minTtlMs, refused, abort).finally(() => {
      if (running?.work === work) running = undefined
    })
    running = { epoch, work, abort }
    return work
  }

  async function refresh(
    epoch: number, minTtlMs: number, refused: string | undefined, abort: Abort,
  ): Promise<StoredSession> {
    let sent = await current(epoch)
    if (good(sent, minTtlMs, refused)) return sent
    if (sent.refreshToken === undefined) return unrenewable(sent, refused)
    if (told) throw told.error
    state.become('refreshing')
    try {
      const answer = await persist(epoch, abort, async () => {
        const { tokenEndpoint } = await context.discovery()
        // Another process may have been faster, and what it has superseded must not be sent again.
        const { accessToken } = sent
        sent = await current(epoch)
        if (sent.accessToken !== accessToken && good(sent, minTtlMs, refused)) return undefined
        return wire.form(tokenEndpoint, {
          grant_type: 'refresh_token',
          client_id: settings.clientId,
          refresh_token: sent.refreshToken,
        }, { headers: { 'idempotency-key': sent.refreshKey }, abort })
      })
      if (!answer) return sent
      if (answer.status !== 200) throw failure(answer)
      return await commit(epoch, sent, renewed(context, sent, answer))
    } catch (error) {
      if (epoch !== state.epoch) throw signedOut()
      if (!isAuthError(error)) throw error
      const isGone = error.status !== undefined && (error.code === 'session_revoked' || error.code === 'invalid_grant')
      if (isGone) return over(epoch, sent, error)
      leaveAlone(error)
      state.failed(error)
      throw error
    }
  }

  /** The session as it is on the device at this moment. */
  async function current(epoch: number): Promise<StoredSession> {
    await state.look()
    if (!state.session || epoch !== state.epoch) throw signedOut()
    return state.session
  }

  /** Without a refresh token a session lasts as long as its access token. */
  async function unrenewable(sent: StoredSession, refused: string | undefined): Promise<StoredSession> {
    if (isGood(sent, settings.now(), 0)) {
      if (sent.accessToken !== refused) return sent
      throw new AuthError('config', 'the access token is refused, and there is no refresh token for another')
    }
    return over(state.epoch, sent, new AuthError('session_revoked', 'the session has expired'))
  }

  /** Tries until there is an answer that waiting will not change; each time with the same key. */
  async function persist(
    epoch: number, abort: Abort, send: () => Promise<Answer | undefined>,
  ): Promise<Answer | undefined> {
    for (let attempt = 0; ; attempt++) {
      let wait = FIRST_PAUSE_MS * 2 ** attempt
      try {
        const answer = await send()
        wait = Math.max(wait, answer?.retryAfterMs ?? 0)
        if (!answer || answer.status < 500 || attempt + 1 >= TRIES || wait > LONGEST_PAUSE_MS) return answer
      } catch (error) {
        const lost = isAuthError(error) && (error.code === 'network' || error.code === 'timeout')
        if (!lost || attempt + 1 >= TRIES) throw error
      }
      await new Promise<void>((done) => {
        settings.timers.setTimeout(done, wait)
        abort.on(done)
      })
      if (epoch !== state.epoch) throw signedOut()
    }
  }

  function leaveAlone(error: AuthError): void {
    if (!error.retryAfterMs) return
    settings.timers.clearTimeout(told?.timer)
    const timer = settings.timers.setTimeout(() => { told = undefined }, error.retryAfterMs)
    ;(timer as { unref?: () => void }).unref?.()
    told = { error, timer }
  }

  /** Keeps what was got, if nobody has signed out or refreshed meanwhile. */
  async function commit(epoch: number, sent: StoredSession, next: StoredSession): Promise<StoredSession> {
    const kept = await storage.alone(async () => {
      const stored = await readOr(sent)
      if (epoch !== state.epoch || stored?.id !== sent.id || (await state.isOver(sent.id))) return undefined
      if (stored.refreshToken !== sent.refreshToken) return stored
      try {
        await storage.writeSession(next)
      } catch (error) {
        // The next refresh sends what is still on the device, and gets the same successor.
        state.emit({ type: 'error', error: error as AuthError })
        return { ...sent, accessToken: next.accessToken, accessObtainedAt: next.accessObtainedAt, accessExpiresAt: next.accessExpiresAt }
      }
      // Another process may have signed out between the look and the write.
      if (!(await state.isOver(next.id)) && epoch === state.epoch) return next
      await storage.removeSession()
      return undefined
    })
    if (!kept) {
      state.leave(sent.id, 'other_tab')
      await signOuts.discard(next)
      throw signedOut()
    }
    if (epoch !== state.epoch) throw signedOut()
    state.adopt(kept)
    state.emit({ type: 'tokenRefreshed' })
    void signOuts.flush()
    return kept
  }

  /** The record on the device; one that cannot be read gives way to what is about to be written. */
  const readOr = (sent: StoredSession) => storage.readSession().catch((error: AuthError) => {
    if (error.code === 'storage_corrupt') return sent
    throw error
  })

  /** The server says that the session is over; unless the device meanwhile holds a newer token. */
  async function over(epoch: number, sent: StoredSession, error: AuthError): Promise<StoredSession> {
    const newer = await storage.alone(async () => {
      const stored = await readOr(sent)
      if (epoch !== state.epoch) throw signedOut()
      if (stored && (stored.id !== sent.id || stored.refreshToken !== sent.refreshToken)) return stored
      await storage.removeSession()
      await storage.removeSecret(sent.id)
      return undefined
    }).catch((failed: AuthError) => {
      if (epoch !== state.epoch) throw signedOut()
      state.emit({ type: 'error', error: failed })
      return undefined
    })
    if (newer?.id === sent.id) {
      state.adopt(newer, 'storage')
      if (good(newer, 0)) return newer
      throw new AuthError('network', 'another refresh was faster; try again')
    }
    state.leave(sent.id, error.reason ?? 'expired', error.reasonDescription)
    throw new AuthError('session_revoked', error.message, error)
  }

  return {
    fresh,
    abort: () => running?.abort.abort(),
    dispose() {
      running?.abort.abort()
      settings.timers.clearTimeout(told?.timer)
    },
  }
}

function signedOut(): AuthError {
  return new AuthError('signed_out', 'nobody is signed in')
}
