/** What is shown to whom. */
import type { ReactNode } from 'react'
import { useAuthState } from './hooks.js'
import { isSignedIn, type AuthState } from './store.js'

/** What a guard takes. */
export interface GuardProps {
  children?: ReactNode
}

const signedIn = (state: AuthState) => isSignedIn(state.status)
const signedOut = (state: AuthState) => state.status === 'signedOut' || state.status === 'signingIn'
const loading = (state: AuthState) => state.status === 'loading'

/** Shows its children while somebody is signed in, also offline. @throws {Error} outside of an `<AuthProvider>`. */
export function SignedIn({ children }: GuardProps): ReactNode {
  return useAuthState(signedIn) ? children : null
}

/** Shows its children while nobody is, and while somebody is signing in. @throws {Error} outside of an `<AuthProvider>`. */
export function SignedOut({ children }: GuardProps): ReactNode {
  return useAuthState(signedOut) ? children : null
}

/** Shows its children until the device's storage has been read. @throws {Error} outside of an `<AuthProvider>`. */
export function AuthLoading({ children }: GuardProps): ReactNode {
  return useAuthState(loading) ? children : null
}
