import type { Discovery } from './discovery.js'
import type { AuthError } from './errors.js'
import type { AuthEvent, SignedOutReason } from './events.js'
import type { Crypto } from './pkce.js'
import type { Storage, StoredSession } from './storage.js'
import type { Answer, Wire } from './wire.js'

/** What the parts of a client have in common: its session in memory, and its way to the world. */
export interface Context {
  readonly issuer: string
  readonly clientId: string
  readonly storage: Storage
  readonly wire: Wire
  readonly discovery: Discovery
  readonly crypto: Crypto
  /** Milliseconds since 1970. */
  now(): number
  /** Waits before another attempt. */
  pause(attempt: number): Promise<void>
  emit(event: AuthEvent): void
  /** Grows with every sign-in and sign-out: what began under another epoch is void. */
  epoch(): number
  session(): StoredSession | null
  /** Takes a session as the one that holds. */
  adopt(session: StoredSession): void
  /** Forgets the session, and tells once why. */
  leave(reason: SignedOutReason, description?: string): void
  /** A refresh has begun. */
  refreshing(): void
  /** A refresh has failed without ending the session. */
  failed(error: AuthError): void
  /** Reads the answer of the token endpoint; `before` is the session that it renews. */
  read(answer: Answer, before?: StoredSession): StoredSession
}
