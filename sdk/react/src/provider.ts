/** The client, for the components below. */
import type { AuthClient } from '@menshen/client'
import { createContext, createElement, useContext, useEffect, type ReactNode } from 'react'
import { storeOf, type AuthStore } from './store.js'

/** What the provider takes. */
export interface AuthProviderProps {
  /** Made once, outside of every component, with `createAuthClient`. */
  client: AuthClient
  children?: ReactNode
}

const Context = createContext<AuthStore | null>(null)

/**
 * Gives the client to the hooks below it, and has it read the device's storage when it is mounted. It
 * never navigates, and unmounting it neither signs out nor stops the client (`client.dispose()` does).
 * On a server it renders everything as `loading`.
 */
export function AuthProvider({ client, children }: AuthProviderProps): ReactNode {
  const store = storeOf(client)
  useEffect(() => void store.start(), [store])
  return createElement(Context.Provider, { value: store }, children)
}

/** @throws {Error} outside of a provider. */
export function useStore(): AuthStore {
  const store = useContext(Context)
  if (!store) throw new Error('this needs an <AuthProvider client={...}> above it')
  return store
}
