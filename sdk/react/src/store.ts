/** What React sees of a client: one state, replaced as a whole, never with a session and its status apart. */
import type { AuthClient, AuthError, AuthEvent, Session, SignedOutReason, Status } from '@menshen/client'

/** Why the last session ended. */
export interface SignedOutBecause {
  /** As in the event `signedOut`: `user`, `expired`, what the server says (`remote_logout`, ...), and so on. */
  reason: SignedOutReason
  /** For the user to read: the server's sentence, or ours in English; none when they signed out themselves. */
  sentence?: string
}

export interface AuthState {
  status: Status
  session: Session | null
  error?: AuthError
  pending: number
  because?: SignedOutBecause
}

export interface AuthStore {
  readonly client: AuthClient
  state(): AuthState
  subscribe(changed: () => void): () => void
  /** Reads the device's storage, unless that is done. Never rejects: a failure is the state's `error`. */
  start(): Promise<void>
  /** Forgets why the last session ended. */
  dismiss(): void
}

export const LOADING: AuthState = { status: 'loading', session: null, pending: 0 }

const SENTENCES: Record<string, string> = {
  expired: 'Your session has expired. Please sign in again.',
  other_tab: 'You signed out in another window.',
  reinstalled: 'The app was installed anew. Please sign in again.',
  storage_corrupt: 'What this device kept of your session cannot be read. Please sign in again.',
}

const stores = new WeakMap<AuthClient, AuthStore>()

/** The one store of a client, for however many providers there are. */
export function storeOf(client: AuthClient): AuthStore {
  const store = stores.get(client) ?? openStore(client)
  stores.set(client, store)
  return store
}

/** Whether somebody is signed in; the access token may be too old all the same. */
export function isSignedIn(status: Status): boolean {
  return status === 'active' || status === 'refreshing' || status === 'expired'
}

function openStore(client: AuthClient): AuthStore {
  const subscribers = new Set<() => void>()
  let state = LOADING
  let turn = 0
  let connected = false

  function publish(change: Partial<AuthState>): void {
    const next = { ...state, ...change }
    const names = Object.keys(next) as (keyof AuthState)[]
    if (names.every((name) => same(next[name], state[name]))) return
    state = next
    for (const changed of [...subscribers]) changed()
  }

  async function follow(): Promise<void> {
    const mine = ++turn
    try {
      const session = isSignedIn(client.status) ? await client.getSession() : null
      // What has changed meanwhile has an event of its own.
      if (mine !== turn || isSignedIn(client.status) !== (session !== null)) return
      publish({ status: client.status, session, ...(client.status === 'loading' ? {} : { error: undefined }) })
    } catch (error) {
      publish({ error: error as AuthError })
    }
  }

  function hear(event: AuthEvent): void {
    switch (event.type) {
      case 'signedIn':
        publish({ because: undefined })
        break
      case 'signedOut':
        publish({ because: because(event.reason, event.description) })
        break
      case 'signOutPending':
      case 'signOutCompleted':
        publish({ pending: event.pending })
        return
    }
    void follow()
  }

  /** Once, and for as long as there is the client: so nothing is missed between two providers. */
  function connect(): void {
    if (connected) return
    connected = true
    client.on(hear)
    void follow()
  }

  return {
    client,
    state: () => state,
    subscribe(changed) {
      connect()
      subscribers.add(changed)
      return () => void subscribers.delete(changed)
    },
    async start() {
      connect()
      try {
        await client.initialize()
        await follow()
        publish({ pending: await client.pendingSignOuts() })
      } catch (error) {
        publish({ error: error as AuthError })
      }
    },
    dismiss: () => publish({ because: undefined }),
  }
}

function because(reason: SignedOutReason, description?: string): SignedOutBecause {
  if (reason === 'user') return { reason }
  return { reason, sentence: description ?? SENTENCES[reason] ?? 'You were signed out.' }
}

/** Whether two values say the same: a session is read anew each time. */
function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || a instanceof Error) return false
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...names].every((name) => same(left[name], right[name]))
}
