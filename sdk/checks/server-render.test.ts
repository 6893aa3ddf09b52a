/** Rendered on a server, the provider shows nobody's session: it reads nothing, sends nothing and waits for nothing. */
import { createAuthClient } from '@menshen/client'
import { AuthLoading, AuthProvider, SignedIn, SignedOut, useAuth, useSession, useSignOutStatus, useUser } from '@menshen/react'
import { faultyFetch, faultyStorage, memoryStorage } from '@menshen/testing'
import { createElement } from 'react'
// @ts-expect-error It has no types of its own, and one function of it is all that is needed.
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'

function State() {
  const [auth, session, user, signOut] = [useAuth(), useSession(), useUser(), useSignOutStatus()]
  return `${auth.status} ${auth.isLoaded} ${auth.isSignedIn} ${session} ${user} ${signOut.pending}`
}

test('on a server everybody is loading, and nothing is read or sent', async () => {
  let calls = 0
  const storage = faultyStorage(memoryStorage(), () => void calls++)
  const fetch = faultyFetch(async () => { throw new Error('nobody is asked') }, () => void calls++)
  const client = createAuthClient({
    issuer: 'https://id.example', clientId: 'app', storage, outboxStorage: storage, fetch,
  })
  const page = renderToString(createElement(AuthProvider, { client },
    createElement(AuthLoading, null, 'loading, '),
    createElement(SignedIn, null, 'signed in, '),
    createElement(SignedOut, null, 'signed out, '),
    createElement(State)))
  await Promise.resolve()
  expect(page.replaceAll('<!-- -->', '')).toBe('loading, loading false false null null 0')
  expect(calls).toBe(0)
})
