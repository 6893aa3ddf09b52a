import type { AuthError } from './errors.js'

/**
 * - `loading`: the device's storage has not been read yet, or could not be.
 * - `active`: signed in, with an access token that is good.
 * - `refreshing`: signed in; a new access token is being fetched.
 * - `expired`: signed in, but the access token is too old and the server was not reached.
 * - `signedOut`: nobody is signed in. Sign-outs may still wait for the server.
 */
export type Status = 'loading' | 'signedOut' | 'signingIn' | 'active' | 'refreshing' | 'expired'

/**
 * Why nobody is signed in any more: `user` (signed out here), `other_tab` (in another tab or process),
 * `expired`, `reinstalled`, or the reason that the server gives (`remote_logout`, `admin`, ...).
 */
export type SignedOutReason = 'user' | 'other_tab' | 'expired' | 'reinstalled' | (string & {})

/** What happens to a session. */
export type AuthEvent =
  | { type: 'statusChange'; status: Status }
  | { type: 'signedIn' }
  | { type: 'tokenRefreshed' }
  /** A refresh did not succeed, and the user is still signed in. */
  | { type: 'refreshFailed'; retryable: boolean; error: AuthError }
  /** Exactly once for each session that ends. */
  | { type: 'signedOut'; reason: SignedOutReason; description?: string }
  /** A sign-out waits for the server. */
  | { type: 'signOutPending'; pending: number }
  /** The server has confirmed a sign-out. */
  | { type: 'signOutCompleted'; pending: number }
  /** Storage or transport failed in the background; nothing was lost. */
  | { type: 'error'; error: AuthError }

export type Listener = (event: AuthEvent) => void

export interface Events {
  on(listener: Listener): () => void
  emit(event: AuthEvent): void
}

/** Listeners run after the work that told them, so that none can hold it up or break it. */
export function openEvents(): Events {
  const listeners = new Set<Listener>()
  return {
    on(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    emit(event) {
      for (const listener of [...listeners]) {
        void Promise.resolve().then(() => {
          if (listeners.has(listener)) listener(event)
        })
      }
    },
  }
}
