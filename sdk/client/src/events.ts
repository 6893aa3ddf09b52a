/** What a client tells, and to whom. */
import { AuthError } from './errors.js'

/**
 * - `loading`: the device's storage has not been read yet, or could not be.
 * - `active`: signed in, with an access token that is good.
 * - `refreshing`: signed in; a new access token is being fetched.
 * - `expired`: signed in, but the access token is too old and the server was not reached.
 * - `signedOut`: nobody is signed in. Sign-outs may still wait for the server.
 */
export type Status = 'loading' | 'signedOut' | 'signingIn' | 'active' | 'refreshing' | 'expired'

/**
 * Why nobody is signed in any more:
 *
 * - `user`: signed out here.
 * - `other_tab`: signed out in another tab or process of this app.
 * - `expired`: the server takes the session's tokens no more, and gives no reason.
 * - `reinstalled`: what was found belonged to an installation before this one.
 * - `storage_corrupt`: what the device gave back at the start cannot be read.
 * - or the reason that the server gives: `remote_logout`, `admin`, `password_changed`, ...
 */
export type SignedOutReason =
  | 'user' | 'other_tab' | 'expired' | 'reinstalled' | 'storage_corrupt' | (string & {})

/** What happens to a session. */
export type AuthEvent =
  | { type: 'statusChange'; status: Status }
  | { type: 'signedIn' }
  | { type: 'tokenRefreshed' }
  /** A refresh did not succeed, and the user is still signed in. */
  | { type: 'refreshFailed'; retryable: boolean; error: AuthError }
  /** Exactly once for each session that ends; `description` is the server's sentence for the user. */
  | { type: 'signedOut'; reason: SignedOutReason; description?: string }
  /** A sign-out waits for the server. */
  | { type: 'signOutPending'; pending: number }
  /**
   * A sign-out waits no more: the server has `confirmed` it, or will never know of it, because it
   * refused what there was to tell or because that was lost.
   */
  | { type: 'signOutCompleted'; pending: number; confirmed: boolean }
  /** Storage or transport failed in the background; nothing was lost. */
  | { type: 'error'; error: AuthError }

export type Listener = (event: AuthEvent) => void

export interface Events {
  on(listener: Listener): () => void
  emit(event: AuthEvent): void
  dispose(): void
}

/**
 * Listeners run after the work that told them, in the order of the events, so that none can hold the
 * work up or break it. What a listener throws is told as an `error`.
 */
export function openEvents(): Events {
  const listeners = new Set<Listener>()
  function emit(event: AuthEvent): void {
    for (const hear of [...listeners]) {
      void Promise.resolve().then(() => {
        try {
          if (listeners.has(hear)) hear(event)
        } catch (cause) {
          if (event.type === 'error') return
          emit({ type: 'error', error: new AuthError('config', 'a listener failed', { cause }) })
        }
      })
    }
  }
  return {
    on(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    emit,
    dispose: () => listeners.clear(),
  }
}
