/** Refresh: one at a time, safe to lose at every step, and never after a sign-out. */
import type { Context } from './context.js'
import { AuthError, isAuthError } from './errors.js'
import type { SignOuts } from './sign-out.js'
import { isGood } from './state.js'
import type { StoredSession } from './storage.js'
import { renewed } from './token-response.js'
import { failure, openController, type Answer, type Controller } from './wire.js'

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
  /** Leaves the session as it is, and tries nothing any more. */
  dispose(): void
}

export function openTokens(context: Context, signOuts: SignOuts): Tokens {
  const { settings, clock, state, storage, wire } = context
  let running: { epoch: number; work: Promise<StoredSession>; controller?: Controller } | undefined
  /** What the server said when it asked to be left alone, for as long as it did. */
  let told: AuthError | undefined
  let isDisposed = false
  /** Whose the access tokens are that were given out: the session by the end of the token. */
  const owners = new Map<string, string>()

  const good = (session: StoredSession, minTtlMs: number, refused?: string) =>
    session.accessToken !== refused && isGood(session, clock.now(), minTtlMs)

  async function fresh(minTtlMs: number, refused?: string): Promise<StoredSession> {
    // What was refused to one user must not be asked for again as another, who has signed in meanwhile.
    const owner = owners.get(endOf(refused))
    if (owner && owner !== state.session?.id) throw signedOut()
    const session = await renew(minTtlMs, refused)
    owners.set(endOf(session.accessToken), session.id)
    return session
  }

  async function renew(minTtlMs: number, refused?: string): Promise<StoredSession> {
    const held = state.session
    if (held && good(held, minTtlMs, refused)) return held
    try {
      const { epoch } = state
      // One refresh for all who ask; nobody shares one that began before a sign-out.
      if (running?.epoch !== epoch) {
        const mine = running = { epoch, work: refresh(epoch, minTtlMs, refused) }
        mine.work.catch(() => undefined).then(() => {
          if (running === mine) running = undefined
        })
      }
      return await running.work
    } catch (error) {
      // What is left of the old token is better than nothing while the server is away.
      const still = state.session
      if ((error as AuthError).retryable && still && good(still, 0, refused)) return still
      throw error
    }
  }

  async function refresh(epoch: number, minTtlMs: number, refused?: string): Promise<StoredSession> {
    const check = () => {
      if (epoch !== state.epoch) throw signedOut()
      if (isDisposed) throw new AuthError('cancelled', 'disposed')
    }
    /** The session as it is on the device at this moment. */
    const current = async () => {
      await state.look()
      check()
      if (!state.session) throw signedOut()
      return state.session
    }
    if (!state.session) throw signedOut()
    let sent = await current()
    if (good(sent, minTtlMs, refused)) return sent
    if (sent.refreshToken === undefined) {
      // Without a refresh token a session lasts as long as its access token.
      if (good(sent, 0, refused)) return sent
      if (good(sent, 0)) throw new AuthError('config', 'no refresh token')
      return over(new AuthError('session_revoked', 'the session has expired'))
    }
    if (told) throw told
    state.become('refreshing')
    try {
      const answer = await ask()
      if (!answer) return sent
      if (answer.status !== 200) throw failure(answer)
      return await commit(renewed(context, sent, answer))
    } catch (cause) {
      check()
      const error = isAuthError(cause) ? cause : new AuthError('config', 'the refresh went wrong', { cause })
      if (error.code === 'session_revoked' || error.code === 'invalid_grant') return over(error)
      if (error.retryAfterMs) {
        told = error
        clock.later(error.retryAfterMs, () => { told = undefined })
      }
      state.failed(error)
      throw error
    }

    async function ask(): Promise<Answer | undefined> {
      for (let attempt = 1; ; attempt++) {
        let wait = FIRST_PAUSE_MS * attempt
        try {
          const { required } = await context.discovery()
          // Another process may have been faster, and what it has superseded must not be sent again.
          const { accessToken } = sent
          sent = await current()
          if (sent.accessToken !== accessToken && good(sent, minTtlMs, refused)) return undefined
          const controller = openController()
          if (running?.epoch === epoch) running.controller = controller
          const answer = await wire('POST', required('token'), {
            grant_type: 'refresh_token',
            client_id: settings.clientId,
            refresh_token: sent.refreshToken,
          }, { headers: { 'idempotency-key': sent.refreshKey }, controller })
          wait = Math.max(wait, answer.retryAfterMs ?? 0)
          if (answer.status < 500 || attempt === TRIES || wait > LONGEST_PAUSE_MS) return answer
        } catch (error) {
          if (attempt === TRIES || !/^(network|timeout)$/.test((error as AuthError).code)) throw error
        }
        check()
        await new Promise<void>((done) => settings.timers.setTimeout(done, wait))
        check()
      }
    }

    /** Keeps what was got, if nobody has signed out or refreshed meanwhile. */
    async function commit(next: StoredSession): Promise<StoredSession> {
      const kept = await storage.alone(async () => {
        const stored = await record()
        if (epoch !== state.epoch || stored?.id !== next.id || (await state.isOver(next.id))) return undefined
        if (stored.refreshToken !== sent.refreshToken) return stored
        try {
          await storage.session.write(next)
        } catch (error) {
          // The next refresh sends what is still on the device, and gets the same successor.
          state.warn(error)
          return { ...next, refreshToken: sent.refreshToken, refreshKey: sent.refreshKey }
        }
        // Another process may have signed out between the look and the write.
        if (epoch === state.epoch && !(await state.isOver(next.id))) return next
        await storage.session.remove()
        return undefined
      })
      if (!kept) {
        state.leave(next.id, 'other_tab')
        await signOuts.discard(next)
        throw signedOut()
      }
      check()
      state.adopt(kept)
      state.emit({ type: 'tokenRefreshed' })
      void signOuts.flush()
      return kept
    }

    /** The record on the device; one that cannot be read gives way to what is about to be written. */
    function record(): Promise<StoredSession | null> {
      return storage.session.read(sent)
    }

    /** The server says that the session is over; unless the device meanwhile holds a newer token. */
    async function over(error: AuthError): Promise<StoredSession> {
      const { id, refreshToken } = sent
      const newer = await storage.alone(async () => {
        const stored = await record()
        check()
        if (stored && (stored.id !== id || stored.refreshToken !== refreshToken)) return stored
        await storage.session.remove()
        await storage.secret(id).remove()
        return undefined
      }).catch((failed: unknown) => {
        check()
        state.warn(failed)
        return undefined
      })
      if (newer?.id === id) {
        state.adopt(newer, 'storage')
        if (good(newer, 0)) return newer
        throw new AuthError('network', 'overtaken')
      }
      state.leave(id, error.reason ?? 'expired', error.reasonDescription)
      throw new AuthError('session_revoked', error.message, error)
    }
  }

  const abort = () => running?.controller?.abort()
  return {
    fresh,
    abort,
    dispose() {
      isDisposed = true
      // Elsewhere the answer is waited for: it brings the token that the next start needs.
      if (state.session?.ending.handle) abort()
    },
  }
}

const endOf = (token = '') => token.slice(-32)

function signedOut(): AuthError {
  return new AuthError('signed_out', 'nobody is signed in')
}
