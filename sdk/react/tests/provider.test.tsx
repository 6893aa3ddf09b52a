/** Provider, hooks and guards, over a client that speaks to the real server. */
import { afterEach, expect, test } from '@jest/globals'
import type { AuthClient } from '@menshen/client'
import { AuthProvider, SignedIn, useAuth, useSession, useSignOutStatus, useUser, type Auth, type SignOutStatus } from '@menshen/react'
import { faultyStorage } from '@menshen/testing'
import { act, fireEvent, render, screen, waitFor } from '@testing-library/react-native'
import { Text } from 'react-native'
import { killPhones, newPhone, pathsOf, refreshTokenOn, serverTakes, signIn } from '../../lanes/phone'
import { App, Use } from './app'

afterEach(killPhones)

test('a new phone shows the login screen, and after a sign-in who is there', async () => {
  await render(<App client={newPhone().start()} />)
  await fireEvent.press(await screen.findByText('sign in'))
  expect(await screen.findByText('hello')).toBeTruthy()
  expect(screen.getByText(/^session until \d+$/)).toBeTruthy()
  expect(screen.queryByText('sign in')).toBeNull()
})

test('the next start shows who is there, without the network', async () => {
  const phone = newPhone()
  await signIn(phone)
  phone.kill()
  phone.network('offline')
  await render(<App client={phone.start()} />)
  expect(await screen.findByText('hello')).toBeTruthy()
})

test('no render ever sees a status without its session, or a session without its status', async () => {
  const seen = new Set<string>()
  const look = () => {
    const [{ isSignedIn, status }, session, user] = [useAuth(), useSession(), useUser()]
    seen.add(`${status === 'active'} ${isSignedIn} ${session !== null} ${user !== null}`)
  }
  const client = newPhone().start()
  // Between status and session there is time for a render.
  const getSession = async () => {
    await new Promise((done) => setTimeout(done, 20))
    return client.getSession()
  }
  const slow: AuthClient = Object.create(client, { getSession: { value: getSession } })
  await render(<App client={slow}><Use hook={look} /></App>)
  await fireEvent.press(await screen.findByText('sign in'))
  await fireEvent.press(await screen.findByText('sign out'))
  await screen.findByText('sign in')
  expect([...seen]).toEqual(['false false false false', 'true true true true'])
})

test('twenty calls at once are one refresh', async () => {
  const phone = newPhone()
  const client = await signIn(phone)
  let auth: Auth | undefined
  await render(<App client={client}><Use hook={() => { auth = useAuth() }} /></App>)
  await screen.findByText('hello')
  const before = phone.requests.length
  await act(async () => {
    await Promise.all(Array.from({ length: 20 }, () => auth?.getAccessToken({ forceRefresh: true })))
  })
  expect(pathsOf(phone.requests.slice(before))).toEqual(['/token'])
})

test('a sign-out in aeroplane mode shows the login screen at once, and the next start tells the server', async () => {
  const phone = newPhone()
  const client = await signIn(phone)
  const refreshToken = refreshTokenOn(phone)
  const view = await render(<App client={client} />)
  phone.network('offline')
  await fireEvent.press(await screen.findByText('sign out'))
  expect(await screen.findByText('1 pending')).toBeTruthy()
  expect(screen.getByText('because user: no sentence')).toBeTruthy()
  expect(() => refreshTokenOn(phone)).toThrow('no refresh token')
  expect([...phone.outbox.values.values()].join()).not.toContain(refreshToken)

  await view.unmount()
  phone.kill()
  phone.network(undefined)
  await render(<App client={phone.start()} />)
  await waitFor(() => expect(pathsOf(phone.requests)).toContain('/account/logout'))
  expect(await screen.findByText('0 pending')).toBeTruthy()
  expect(await serverTakes(refreshToken)).toBe(false)
})

test('somebody signs in while the sign-out of the one before still waits', async () => {
  const phone = newPhone()
  const client = await signIn(phone)
  await render(<App client={client} />)
  phone.network('offline')
  await fireEvent.press(await screen.findByText('sign out'))
  await screen.findByText('1 pending')
  phone.network(undefined)
  await fireEvent.press(screen.getByText('sign in'))
  expect(await screen.findByText('hello')).toBeTruthy()
  await waitFor(async () => expect(await client.pendingSignOuts()).toBe(0))
})

test('a sign-in that fails leaves the login screen where it is, and says why', async () => {
  const phone = newPhone()
  await render(<App client={phone.start()} />)
  await screen.findByText('sign in')
  phone.network('offline')
  await fireEvent.press(screen.getByText('sign in'))
  expect(await screen.findByText('failed: network')).toBeTruthy()
  phone.network(503)
  await fireEvent.press(screen.getByText('sign in'))
  expect(await screen.findByText('failed: server')).toBeTruthy()
})

test.each(['offline', 500, 429] as const)('a refresh that meets %s signs nobody out', async (fault) => {
  const phone = newPhone()
  const client = await signIn(phone)
  await render(<App client={client} />)
  await screen.findByText('hello')
  phone.network(fault)
  await act(async () => {
    await expect(client.getAccessToken({ forceRefresh: true })).rejects.toMatchObject({ retryable: true })
  })
  expect(screen.getByText('hello')).toBeTruthy()
  phone.network(undefined)
  await act(async () => void (await client.getAccessToken({ forceRefresh: true })))
  expect(await screen.findByText('status active')).toBeTruthy()
})

test('a guard does not render its children again for a refresh', async () => {
  const client = await signIn(newPhone())
  let renders = 0
  const count = () => { renders++ }
  await render(<AuthProvider client={client}><SignedIn><Use hook={count} /><Text>home</Text></SignedIn></AuthProvider>)
  await screen.findByText('home')
  const before = renders
  await act(async () => void (await client.getAccessToken({ forceRefresh: true })))
  expect(renders).toBe(before)
})

test('storage that cannot be read shows neither login nor home, says why, and is read again', async () => {
  const phone = newPhone()
  await signIn(phone)
  phone.kill()
  let locked = true
  const storage = faultyStorage(phone.storage, () => (locked ? 'throws' : undefined))
  let auth: Auth | undefined
  await render(<App client={phone.start({ storage })}><Use hook={() => { auth = useAuth() }} /></App>)
  await waitFor(() => expect(auth?.error?.code).toBe('storage_unavailable'))
  expect(screen.getByText('loading')).toBeTruthy()
  expect(screen.queryByText('sign in')).toBeNull()
  locked = false
  await act(async () => auth?.retry())
  expect(await screen.findByText('hello')).toBeTruthy()
  expect(auth?.error).toBeUndefined()
})

test('why the last session ended is told until somebody signs in, or closes the message', async () => {
  let status: SignOutStatus | undefined
  const client = await signIn(newPhone())
  await render(<App client={client}><Use hook={() => { status = useSignOutStatus() }} /></App>)
  await fireEvent.press(await screen.findByText('sign out'))
  await screen.findByText('because user: no sentence')
  await fireEvent.press(screen.getByText('sign in'))
  await screen.findByText('hello')
  expect(status?.because).toBeUndefined()
  await fireEvent.press(screen.getByText('sign out'))
  await screen.findByText('because user: no sentence')
  await act(async () => status?.dismiss())
  expect(screen.getByText('no reason')).toBeTruthy()
})
