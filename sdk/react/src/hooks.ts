/** What components know of a client, and ask of it. */
import type { AuthClient, AuthError, AuthEvent, Session, Status, UserClaims } from '@menshen/client'
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { useStore } from './provider.js'
import { isSignedIn, LOADING, type AuthState, type SignedOutBecause } from './store.js'

/** Who is signed in, and what can be done about it. The functions are the client's own, and stay the same. */
export interface Auth {
  /** As in `AuthClient.status`. */
  status: Status
  /** Whether the device's storage has been read: only then is it known whether somebody is signed in. */
  isLoaded: boolean
  /** Signed in: `active`, `refreshing`, or `expired` and waiting for the network. */
  isSignedIn: boolean
  /**
   * Why the device's storage could not be read, while it cannot: `storage_unavailable`. Nobody was signed
   * out by it, and the client tries again when the app comes to the front.
   */
  error?: AuthError
  /** Reads the device's storage again. Never rejects; see `error`. */
  retry(): Promise<void>
  /** As in the client: `signIn.password(...)`, `signIn.oidc(...)`. Rejects with an `AuthError`. */
  signIn: AuthClient['signIn']
  /** As in the client: `session` by default, which never fails for want of a network. */
  signOut: AuthClient['signOut']
  /** As in the client: a token good for `minTtlMs` (30,000 ms by default). Rejects with an `AuthError`. */
  getAccessToken: AuthClient['getAccessToken']
}

/** How far the sign-outs of this device have come. */
export interface SignOutStatus {
  /** How many sign-outs wait for the server. They are told of by themselves; say so, and block nothing. */
  pending: number
  /** Why the last session ended; until somebody signs in, or `dismiss`. Not kept over a start of the app. */
  because?: SignedOutBecause
  /** Tells the server now; `true` when none is left. */
  flush: AuthClient['flushSignOuts']
  /** Forgets `because`, for a message that can be closed. */
  dismiss(): void
}

/** Who is signed in, and what can be done about it. @throws {Error} outside of an `<AuthProvider>`. */
export function useAuth(): Auth {
  const { client, start } = useStore()
  const status = useAuthState((state) => state.status)
  const error = useAuthState((state) => state.error)
  return useMemo(() => ({
    status,
    isLoaded: status !== 'loading',
    isSignedIn: isSignedIn(status),
    error,
    retry: start,
    signIn: client.signIn,
    signOut: client.signOut,
    getAccessToken: client.getAccessToken,
  }), [client, start, status, error])
}

/** The session, or `null` when nobody is signed in or that is not known yet. @throws {Error} outside of an `<AuthProvider>`. */
export function useSession(): Session | null {
  return useAuthState((state) => state.session)
}

/**
 * What the ID token says of who is signed in, or `null` when nobody is or there is no ID token. For
 * showing, not for judging what they may do. @throws {Error} outside of an `<AuthProvider>`.
 */
export function useUser(): UserClaims | null {
  return useAuthState((state) => state.session?.user ?? null)
}

/** Sign-outs that wait for the server, and why the last session ended. @throws {Error} outside of an `<AuthProvider>`. */
export function useSignOutStatus(): SignOutStatus {
  const { client, dismiss } = useStore()
  const pending = useAuthState((state) => state.pending)
  const because = useAuthState((state) => state.because)
  return useMemo(
    () => ({ pending, because, flush: client.flushSignOuts, dismiss }),
    [client, dismiss, pending, because],
  )
}

/** The client itself: `listSessions`, `revokeSession` and the rest. @throws {Error} outside of an `<AuthProvider>`. */
export function useAuthClient(): AuthClient {
  return useStore().client
}

/**
 * Hears of every event while the component is mounted, each exactly once, also in strict mode. The
 * listener may be a new function with every render. @throws {Error} outside of an `<AuthProvider>`.
 */
export function useAuthEvent(listener: (event: AuthEvent) => void): void {
  const { client } = useStore()
  const latest = useRef(listener)
  useEffect(() => {
    latest.current = listener
  })
  useEffect(() => client.on((event) => latest.current(event)), [client])
}

/** A part of the state; a component renders again only when that part changes. */
export function useAuthState<Part>(part: (state: AuthState) => Part): Part {
  const store = useStore()
  return useSyncExternalStore(store.subscribe, () => part(store.state()), () => part(LOADING))
}
