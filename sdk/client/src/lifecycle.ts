/** How a session begins and ends on this device, and what happens when the app wakes up. */
import type { SignOutRequest, SignOutResult } from './client.js'
import type { Context } from './context.js'
import { AuthError, isAuthError } from './errors.js'
import type { Status } from './events.js'
import { isLeftover, leaveMark } from './installation.js'
import { randomText } from './pkce.js'
import type { Push } from './push.js'
import { openBrowser, withQuery } from './sign-in.js'
import type { Begun, SignOuts } from './sign-out.js'
import { isGood } from './state.js'
import { within, type StoredSession } from './storage.js'
import type { Tabs } from './tabs.js'
import type { Tokens } from './tokens.js'
import { encode, queryOf } from './wire.js'

export interface Lifecycle {
  initialize(): Promise<Status>
  /** Runs a sign-in, and lets it count only if nobody has signed in or out meanwhile. */
  enter(work: () => Promise<StoredSession>): Promise<StoredSession>
  /** Signs out here; `done` when the server knows already. */
  leave(done?: 'done', browser?: SignOutRequest['endBrowserSession']): Promise<SignOutResult>
  foreground(): Promise<Status>
  online(): Promise<Status>
}

interface Parts extends Context {
  tabs: Tabs
  signOuts: SignOuts
  tokens: Tokens
  push: Push
}

export function openLifecycle(parts: Parts): Lifecycle {
  const { settings, storage, state, wire, tabs, signOuts, tokens, push } = parts
  const { timers, timeoutMs } = settings
  let starting: Promise<Status> | undefined
  let leaving: { epoch: number; work: Promise<SignOutResult> } | undefined
  let waking: Promise<Status> | undefined

  const tell = (error: unknown) => {
    if (isAuthError(error)) state.emit({ type: 'error', error })
  }

  tabs.listen((word) => {
    if (word) state.leave(word.id, word.reason === 'user' ? 'other_tab' : word.reason, word.description)
    if (state.status !== 'loading') state.look().catch(tell)
  })

  function initialize(): Promise<Status> {
    starting ??= start().catch((error: unknown) => {
      starting = undefined
      throw error
    })
    return starting
  }

  async function start(): Promise<Status> {
    const { epoch } = state
    const stored = await read()
    if (epoch === state.epoch) {
      if (stored === 'corrupt') {
        // What cannot be read stays where it is until the next sign-in: it may be readable again then.
        state.become('signedOut')
        state.emit({ type: 'signedOut', reason: 'storage_corrupt' })
      } else if (stored && (await state.isOver(stored.id))) {
        // A sign-out that was cut short is finished.
        await forget(stored.id).catch(tell)
      } else if (stored && (await isLeftover(parts, stored))) {
        await signOuts.begin(stored)
        state.gone(stored.id, 'reinstalled')
      }
    }
    if (state.status === 'loading') await state.look()
    void signOuts.flush()
    return state.status
  }

  /** The record; one that cannot be read is looked at twice before it is believed to be broken. */
  async function read(): Promise<StoredSession | null | 'corrupt'> {
    const orCorrupt = (error: unknown) => {
      if (isAuthError(error) && error.code === 'storage_corrupt') return 'corrupt' as const
      throw error
    }
    const stored = await storage.readSession().catch(orCorrupt)
    return stored === 'corrupt' ? storage.readSession().catch(orCorrupt) : stored
  }

  const forget = (id: string) => storage.alone(async () => {
    if ((await storage.readSession())?.id === id) await storage.removeSession()
  })

  async function enter(work: () => Promise<StoredSession>): Promise<StoredSession> {
    let mine = state.epoch
    const check = () => {
      if (mine !== state.epoch) throw new AuthError('cancelled', 'signed in or out elsewhere while signing in')
    }
    await initialize()
    if (state.session) throw new AuthError('config', 'somebody is signed in; sign out first')
    check()
    mine = state.next()
    state.become('signingIn')
    let opened: StoredSession | undefined
    try {
      const next = opened = { ...(await work()), marked: await leaveMark(parts) }
      await storage.alone(async () => {
        check()
        const stored = await read()
        // Whom another tab has signed in meanwhile is signed out, not forgotten.
        if (stored && stored !== 'corrupt' && !(await state.isOver(stored.id))) await signOuts.discard(stored)
        await storage.writeSession(next)
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
        state.look().catch(tell)
      }
      throw error
    }
  }

  const leave: Lifecycle['leave'] = (done, browser) => {
    if (leaving?.epoch === state.epoch) return leaving.work
    const held = state.take()
    const work = leaveHere(held, done, browser).finally(() => {
      if (leaving?.work === work) leaving = undefined
    })
    leaving = { epoch: state.epoch, work }
    return work
  }

  async function leaveHere(
    held: StoredSession | null, done?: 'done', browser?: SignOutRequest['endBrowserSession'],
  ): Promise<SignOutResult> {
    let timer: unknown
    const late = new Promise<void>((over) => {
      timer = timers.setTimeout(over, timeoutMs)
    })
    // Elsewhere the answer is waited for: it brings the token that must be revoked.
    if (held?.ending.handle) tokens.abort()
    const begun = await within(timers, timeoutMs / 2, signOuts.begin(held, done)).catch((cause: unknown): Begun => {
      if (!held) throw isAuthError(cause) ? cause : new AuthError('storage_unavailable', 'the storage hangs', { cause })
      // A storage that hangs goes on in its own time.
      return { session: held, entry: signOuts.unwritten(held.id), durable: false, cleared: false }
    })
    state.gone(begun.session?.id, 'user')
    const inBrowser = browser && endInBrowser(begun.session?.idToken, browser)
    const remote = await Promise.race([tellOf(begun, done), late.then(() => undefined)])
    timers.clearTimeout(timer)
    void signOuts.flush()
    return {
      local: begun.cleared ? 'cleared' : 'failed',
      remote: remote ?? (begun.durable ? 'queued' : 'failed'),
      ...(inBrowser && { browser: await inBrowser }),
    }
  }

  async function tellOf({ entry }: Begun, done?: 'done'): Promise<'revoked' | 'failed' | undefined> {
    if (!entry || done) return 'revoked'
    const pending = await signOuts.pending().catch(() => 1)
    if (pending > 0) state.emit({ type: 'signOutPending', pending })
    const told = await signOuts.tell(entry)
    return told === 'confirmed' ? 'revoked' : told === 'refused' ? 'failed' : undefined
  }

  async function endInBrowser(
    idToken: string | undefined, { open, postLogoutRedirectUri }: NonNullable<SignOutRequest['endBrowserSession']>,
  ): Promise<'ended' | 'failed'> {
    try {
      const { endSessionEndpoint } = await parts.discovery()
      if (!endSessionEndpoint) return 'failed'
      const mark = randomText(settings.crypto)
      const back = await openBrowser(open, withQuery(endSessionEndpoint, encode({
        id_token_hint: idToken,
        client_id: settings.clientId,
        post_logout_redirect_uri: postLogoutRedirectUri,
        state: mark,
      })))
      return queryOf(back).get('state') === mark ? 'ended' : 'failed'
    } catch (error) {
      tell(error)
      return 'failed'
    }
  }

  function wake(): Promise<Status> {
    waking ??= (async () => {
      await initialize()
      await state.look()
      void signOuts.flush()
      push.reopen()
      await probe()
    })().catch(tell).then(() => {
      waking = undefined
      return state.status
    })
    return waking
  }

  /** Asks the server whether the session lives: by a refresh that is due, or else by a read. */
  async function probe(): Promise<void> {
    const { session } = state
    if (!session) return
    try {
      let refused: string | undefined
      if (isGood(session, settings.now(), 0)) {
        const { userinfoEndpoint } = await parts.discovery()
        if (!userinfoEndpoint) return
        const headers = { authorization: `Bearer ${session.accessToken}` }
        const { status } = await wire.ask('GET', userinfoEndpoint, { headers })
        if (status !== 401) return
        refused = session.accessToken
      }
      await tokens.fresh(0, refused)
    } catch {
      // Told by the refresh; a server that is away says nothing about the session.
    }
  }

  return { initialize, enter, leave, foreground: wake, online: wake }
}
