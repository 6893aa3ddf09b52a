/** How a session begins and ends on this device, and what happens when the app wakes up. */
import type { SignOutResult } from './client.js'
import type { Context } from './context.js'
import { AuthError } from './errors.js'
import type { Status } from './events.js'
import { isMarked } from './installation.js'
import { shared } from './single-flight.js'
import type { EndBrowserSession, SignIn } from './sign-in.js'
import type { Begun, SignOuts } from './sign-out.js'
import type { StoredSession } from './storage.js'
import type { Tokens } from './tokens.js'
import type { Watch } from './watch.js'

export interface Lifecycle {
  initialize(): Promise<Status>
  /** Runs a sign-in, and lets it count only if nobody has signed in or out meanwhile. */
  enter(work: () => Promise<StoredSession>): Promise<StoredSession>
  /** Signs out here; `isTold` when the server knows already. */
  leave(isTold?: boolean, browser?: EndBrowserSession): Promise<SignOutResult>
  /** Takes it that a session has ended, as somebody else says. */
  ended(id: string, reason: string, description?: string): void
  wake(): Promise<Status>
}

export interface Parts extends Context {
  signIn: SignIn
  signOuts: SignOuts
  tokens: Tokens
  watch(): Watch | undefined
}

export function openLifecycle(parts: Parts): Lifecycle {
  const { settings, clock, storage, state, signIn, signOuts, tokens } = parts
  const { timeoutMs } = settings
  let leaving: { epoch: number; work: Promise<SignOutResult> } | undefined

  const initialize = shared(async (): Promise<Status> => {
    const { epoch } = state
    const stored = await readTwice()
    if (epoch !== state.epoch) return state.status
    if (stored === 'corrupt') {
      // What cannot be read stays where it is until the next sign-in: it may be readable again then.
      state.become('signedOut')
      state.emit({ type: 'signedOut', reason: 'storage_corrupt' })
    } else if (stored && (await state.isOver(stored.id))) {
      // A sign-out that was cut short is finished.
      await forget(stored.id)
    } else if (stored?.marked && (await isMarked(parts)) === false) {
      await signOuts.begin(stored)
      state.gone(stored.id, 'reinstalled')
    }
    if (state.status === 'loading') await state.look()
    void signOuts.flush()
    return state.status
  }, 'kept')

  const read = () => storage.session.read('corrupt' as const)

  /** The record; one that cannot be read is looked at twice before it is believed to be broken. */
  async function readTwice(): ReturnType<typeof read> {
    const stored = await read()
    return stored === 'corrupt' ? read() : stored
  }

  const forget = (id: string) => storage.alone(async () => {
    if ((await storage.session.read())?.id === id) await storage.session.remove()
  }).catch(state.warn)

  async function enter(work: () => Promise<StoredSession>): Promise<StoredSession> {
    let mine = state.epoch
    const check = () => {
      if (mine !== state.epoch) throw new AuthError('cancelled', 'signed out elsewhere')
    }
    await initialize()
    if (state.session) throw new AuthError('config', 'sign out first')
    check()
    mine = state.next()
    state.become('signingIn')
    let opened: StoredSession | undefined
    try {
      const next = opened = { ...(await work()), marked: await isMarked(parts, 'leave') }
      await storage.alone(async () => {
        check()
        const stored = await read()
        // Whom another tab has signed in meanwhile is signed out, not forgotten.
        if (stored && stored !== 'corrupt' && !(await state.isOver(stored.id))) await signOuts.discard(stored)
        await storage.session.write(next)
      })
      check()
      state.adopt(next)
      state.emit({ type: 'signedIn' })
      void signOuts.flush()
      return next
    } catch (error) {
      if (opened) await signOuts.discard(opened)
      if (mine === state.epoch) {
        state.become('signedOut')
        state.look().catch(state.warn)
      }
      throw error
    }
  }

  function leave(isTold?: boolean, browser?: EndBrowserSession): Promise<SignOutResult> {
    if (leaving?.epoch === state.epoch) return leaving.work
    const held = state.take()
    const work = leaveHere(held, isTold, browser).finally(() => {
      if (leaving?.work === work) leaving = undefined
    })
    leaving = { epoch: state.epoch, work }
    return work
  }

  async function leaveHere(held: StoredSession | null, isTold?: boolean, browser?: EndBrowserSession): Promise<SignOutResult> {
    const late = new Promise<undefined>((over) => clock.later(timeoutMs, () => over(undefined)))
    // Elsewhere the answer is waited for: it brings the token that must be revoked.
    if (held?.ending.handle) tokens.abort()
    const { session, durable, cleared, lost } = await clock.within(timeoutMs / 2, signOuts.begin(held, isTold))
      .catch((error: AuthError): Begun => {
        if (!held) throw new AuthError('storage_unavailable', error.message, { cause: error })
        // A storage that hangs goes on in its own time.
        return { session: held }
      })
    state.gone(session?.id, 'user')
    const visit = browser && signIn.endBrowserSession(browser, session?.idToken)
      .then(() => 'ended' as const, () => 'failed' as const)
    const told = lost ? 'refused' : isTold || !session ? 'confirmed' : await Promise.race([tellOf(session), late])
    void signOuts.flush()
    return {
      local: cleared ? 'cleared' : 'failed',
      remote: told === 'confirmed' ? 'revoked' : durable && told !== 'refused' ? 'queued' : 'failed',
      browser: await visit,
    }
  }

  async function tellOf(session: StoredSession) {
    const pending = await signOuts.pending().catch(() => 1)
    if (pending > 0) state.emit({ type: 'signOutPending', pending })
    return signOuts.tell(session)
  }

  const wake = shared(async (): Promise<Status> => {
    try {
      await initialize()
      await state.look()
      void signOuts.flush()
      const { session } = state
      if (session) {
        parts.watch()?.reopen()
        // Ours bears a refresh too many, and says with it whether the session lives. Elsewhere one that is lost
        // may cost the session, so that only one which is due is risked.
        await tokens.fresh(0, session.ending.handle && session.accessToken).catch(() => undefined)
      }
    } catch (error) {
      state.warn(error)
    }
    return state.status
  })

  return {
    initialize,
    enter,
    leave,
    ended(id, reason, description) {
      if (state.leave(id, reason, description)) void forget(id)
    },
    wake,
  }
}
