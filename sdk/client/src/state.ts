/** Who is signed in, in memory: the one place where that changes, and where it is told from. */
import type { Clock } from './clock.js'
import type { AuthError } from './errors.js'
import type { AuthEvent, SignedOutReason, Status } from './events.js'
import type { Storage, StoredSession } from './storage.js'
import type { Tabs } from './tabs.js'

export interface State {
  readonly status: Status
  readonly session: StoredSession | null
  /** Grows with every sign-in and sign-out: what began under another epoch is void. */
  readonly epoch: number
  become(status: Status): void
  emit(event: AuthEvent): void
  /** Tells of a failure that has lost nothing. */
  warn(error: unknown): void
  /** Makes everything under way void; the new epoch. */
  next(): number
  /** Takes a session as the one that holds; tells the other tabs unless it came from them. */
  adopt(session: StoredSession, from?: 'storage'): void
  /** Forgets a session, and tells why: once, whoever learns of it first. */
  leave(id: string, reason: SignedOutReason, description?: string): boolean
  /** Takes the session out of the hands of everybody else; who takes it tells of its end. */
  take(): StoredSession | null
  /** Tells that a session has ended which was taken. */
  gone(id: string | undefined, reason: SignedOutReason): void
  /** Whether a session was ended, here or by a sign-out that the storage knows of. */
  isOver(id: string): Promise<boolean>
  /** Makes of the storage what holds: another tab may have refreshed, signed in or out. */
  look(): Promise<void>
  /** A refresh has failed without ending the session. */
  failed(error: AuthError): void
}

/** How far a clock may go back before what it said earlier is not believed. */
const SKEW_MS = 60_000

/** Whether an access token is good for `minTtlMs`, as far as a clock that may jump can tell. */
export function isGood(session: StoredSession, now: number, minTtlMs: number): boolean {
  const { accessObtainedAt, accessExpiresAt } = session
  // A token that lives shorter than is asked for would be renewed at every call.
  const needed = Math.min(minTtlMs, (accessExpiresAt - accessObtainedAt) / 2)
  return now >= accessObtainedAt - SKEW_MS && now + needed < accessExpiresAt
}

export interface Around {
  storage: Storage
  tabs?: Tabs
  clock: Clock
  emit(event: AuthEvent): void
  /** Another session holds, or none any more. */
  onChange(): void
}

export function openState({ storage, tabs, clock, emit, onChange }: Around): State {
  let status: Status = 'loading'
  let session: StoredSession | null = null
  let epoch = 0
  const ended = new Set<string>()
  const told = new Set<string>()

  const become = (next: Status) => {
    if (status === next) return
    status = next
    emit({ type: 'statusChange', status })
  }
  const tell = (id: string, reason: SignedOutReason, description?: string) => {
    if (told.has(id)) return
    told.add(id)
    emit({ type: 'signedOut', reason, description })
    tabs?.tell({ id, reason, description })
  }
  const settle = () => become(!session ? 'signedOut' : isGood(session, clock.now(), 0) ? 'active' : 'expired')

  const state: State = {
    get status() {
      return status
    },
    get session() {
      return session
    },
    get epoch() {
      return epoch
    },
    become,
    emit,
    warn: (error) => emit({ type: 'error', error: error as AuthError }),
    next: () => ++epoch,
    adopt(next, from) {
      const isOther = session?.id !== next.id
      if (isOther) epoch++
      session = next
      settle()
      if (isOther) onChange()
      if (!from) tabs?.tell({})
    },
    leave(id, reason, description) {
      ended.add(id)
      if (session?.id !== id) return false
      session = null
      epoch++
      onChange()
      become('signedOut')
      tell(id, reason, description)
      return true
    },
    take() {
      const held = session
      if (held) ended.add(held.id)
      session = null
      epoch++
      onChange()
      return held
    },
    gone(id, reason) {
      if (!session) become('signedOut')
      if (id === undefined) return
      ended.add(id)
      tell(id, reason)
    },
    isOver: async (id) => ended.has(id) || Boolean(await storage.signOut(id).read()),
    async look() {
      const [before, first] = [epoch, status === 'loading']
      // What is in memory is whole, and heals a record that is not with the next refresh.
      let stored = await storage.session.read(session ?? undefined)
      // A store that once gives back nothing has not lost a session.
      if (!stored && session) stored = await storage.session.read(session)
      const over = stored ? await state.isOver(stored.id) : false
      if (before !== epoch || status === 'signingIn') return
      const current = over ? null : stored
      if (session && session.id !== current?.id) state.leave(session.id, 'other_tab')
      if (!current) return settle()
      const isNew = !session
      // Two processes that got the same token drew a key each: the one on the device counts, for all.
      const isOther = session?.refreshToken !== current.refreshToken || session?.refreshKey !== current.refreshKey
      if (isOther || isNew) state.adopt(current, 'storage')
      if (isNew && !first) emit({ type: 'signedIn' })
    },
    failed(error) {
      settle()
      emit({ type: 'refreshFailed', retryable: error.retryable, error })
    },
  }
  return state
}
