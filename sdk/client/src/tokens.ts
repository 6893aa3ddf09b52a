/** Refresh: one at a time, safe to lose at every step, and never after a sign-out. */
import { AuthError, isAuthError } from './errors.js'
import type { Context } from './context.js'
import type { StoredSession } from './storage.js'
import { failure, type Answer } from './wire.js'

/** How often one refresh is tried before its failure is told; each try sends the same key. */
const TRIES = 3

export interface Tokens {
  /**
   * A session whose access token is good for `minTtlMs` and is not the one that an API `refused`.
   */
  fresh(minTtlMs: number, refused?: string): Promise<StoredSession>
  /** Calls off a refresh under way. */
  abort(): void
}

export function openTokens(context: Context): Tokens {
  let running: { epoch: number; work: Promise<StoredSession>; abort: AbortController } | undefined

  const good = (session: StoredSession, minTtlMs: number, refused?: string) =>
    session.accessExpiresAt - minTtlMs > context.now() && session.accessToken !== refused

  async function fresh(minTtlMs: number, refused?: string): Promise<StoredSession> {
    const held = context.session()
    if (!held) throw signedOut()
    if (good(held, minTtlMs, refused)) return held
    try {
      return await shared(minTtlMs, refused)
    } catch (error) {
      // What is left of the old token is better than nothing while the server is away.
      const still = context.session()
      if (isAuthError(error) && error.retryable && still && good(still, 0, refused)) return still
      throw error
    }
  }

  /** One refresh for all who ask; nobody shares one that began before a sign-out. */
  function shared(minTtlMs: number, refused: string | undefined): Promise<StoredSession> {
    const epoch = context.epoch()
    if (running?.epoch === epoch) return running.work
    const abort = new AbortController()
    const work = refresh(epoch, minTtlMs, refused, abort.signal).finally(() => {
      if (running?.work === work) running = undefined
    })
    running = { epoch, work, abort }
    return work
  }

  async function refresh(
    epoch: number,
    minTtlMs: number,
    refused: string | undefined,
    signal: AbortSignal,
  ): Promise<StoredSession> {
    const sent = await current(epoch)
    if (good(sent, minTtlMs, refused)) {
      context.adopt(sent)
      return sent
    }
    if (sent.refreshToken === undefined) {
      throw await over(epoch, sent, new AuthError('signed_out', 'the session has expired'))
    }
    context.refreshing()
    try {
      const answer = await ask(sent, signal)
      if (answer.status === 200) return await commit(epoch, sent, answer)
      throw failure(answer)
    } catch (error) {
      if (!isAuthError(error)) throw error
      if (epoch !== context.epoch()) throw signedOut()
      if (error.code === 'session_revoked' || error.code === 'invalid_grant') throw await over(epoch, sent, error)
      context.failed(error)
      throw error
    }
  }

  /** The session as it is on the device, unless it was signed out there. */
  async function current(epoch: number): Promise<StoredSession> {
    const stored = await context.storage.readSession()
    if (epoch !== context.epoch()) throw signedOut()
    if (stored && !(await context.storage.readSignOut(stored.id))) return stored
    context.leave('other_tab')
    throw signedOut()
  }

  async function ask(sent: StoredSession, signal: AbortSignal): Promise<Answer> {
    const { tokenEndpoint } = await context.discovery()
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await context.wire.form(tokenEndpoint, {
          grant_type: 'refresh_token',
          client_id: context.clientId,
          refresh_token: sent.refreshToken,
        }, { headers: { 'idempotency-key': sent.refreshKey }, signal })
        if (answer.status < 500 || attempt === TRIES) return answer
      } catch (error) {
        const lost = isAuthError(error) && (error.code === 'network' || error.code === 'timeout')
        if (!lost || attempt === TRIES) throw error
      }
      await context.pause(attempt)
    }
  }

  /** Keeps what was got, if nobody has signed out or refreshed meanwhile. */
  function commit(epoch: number, sent: StoredSession, answer: Answer): Promise<StoredSession> {
    return context.storage.alone(async () => {
      const next = context.read(answer, sent)
      const stored = await context.storage.readSession()
      if (epoch !== context.epoch() || !stored || stored.id !== sent.id) throw signedOut()
      if (stored.refreshToken !== sent.refreshToken) {
        context.adopt(stored)
        return stored
      }
      await context.storage.writeSession(next)
      // Another process may have signed out between the look and the write.
      if (await context.storage.readSignOut(next.id)) {
        await context.storage.removeSession()
        context.leave('other_tab')
        throw signedOut()
      }
      context.adopt(next)
      context.emit({ type: 'tokenRefreshed' })
      return next
    })
  }

  /** The server says that the session is over; unless the device meanwhile holds a newer token. */
  function over(epoch: number, sent: StoredSession, error: AuthError): Promise<AuthError> {
    return context.storage.alone(async () => {
      const stored = await context.storage.readSession()
      if (epoch !== context.epoch()) return signedOut()
      if (stored && stored.refreshToken !== sent.refreshToken) {
        context.adopt(stored)
        return new AuthError('network', 'another refresh was faster; try again')
      }
      await context.storage.removeSession()
      context.leave(error.reason ?? 'expired', error.reasonDescription)
      return new AuthError('session_revoked', error.message, error)
    })
  }

  return { fresh, abort: () => running?.abort.abort() }
}

function signedOut(): AuthError {
  return new AuthError('signed_out', 'nobody is signed in')
}
