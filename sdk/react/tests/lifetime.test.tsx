/** Mounting twice, unmounting early, and events that are heard once. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import type { AuthEvent } from '@menshen/client'
import { useAuth, useAuthEvent } from '@menshen/react'
import { faultyStorage } from '@menshen/testing'
import { act, fireEvent, render, screen, waitFor } from '@testing-library/react-native'
import { StrictMode } from 'react'
import { killPhones, newPhone, pathsOf, signIn } from '../../lanes/phone'
import { App, Use } from './app'

let complaints: string[] = []
beforeEach(() => {
  complaints = []
  jest.spyOn(console, 'error').mockImplementation((...words) => void complaints.push(words.join(' ')))
})
afterEach(() => {
  jest.restoreAllMocks()
  killPhones()
})

test('strict mode mounts twice, starts the client once and hears each event once', async () => {
  const phone = newPhone()
  await signIn(phone)
  phone.kill()
  let calls = 0
  const storage = faultyStorage(phone.storage, () => void calls++)
  await phone.start({ storage }).initialize()
  phone.kill()
  const once = calls
  calls = 0
  const heard: string[] = []
  const listen = () => useAuthEvent(({ type }) => heard.push(type))
  await render(<StrictMode><App client={phone.start({ storage })}><Use hook={listen} /></App></StrictMode>)
  await screen.findByText('hello')
  expect(calls).toBe(once)
  await fireEvent.press(screen.getByText('sign out'))
  await screen.findByText('sign in')
  await waitFor(() => expect(heard).toContain('signOutCompleted'))
  expect(heard.filter((type) => type === 'signedOut')).toHaveLength(1)
  expect(heard.filter((type) => type === 'signOutCompleted')).toHaveLength(1)
  expect(pathsOf(phone.requests).filter((path) => path === '/account/logout')).toHaveLength(1)
  expect(complaints).toEqual([])
})

test('a sign-out from another device is told once, with its reason in a sentence', async () => {
  const client = await signIn(newPhone())
  const elsewhere = await signIn(newPhone())
  const here = (await client.listSessions()).find(({ current }) => current)
  const heard: AuthEvent[] = []
  const listen = () => useAuthEvent((event) => heard.push(event))
  await render(<StrictMode><App client={client}><Use hook={listen} /></App></StrictMode>)
  await screen.findByText('hello')
  await elsewhere.revokeSession(here?.id ?? '')
  await act(async () => {
    await expect(client.getAccessToken({ forceRefresh: true })).rejects.toMatchObject({ code: 'session_revoked' })
  })
  expect(await screen.findByText(/^because remote_logout: [A-Z].*\.$/)).toBeTruthy()
  expect(heard.filter(({ type }) => type === 'signedOut')).toHaveLength(1)
})

test('two providers over one client say the same, and each listener hears each event once', async () => {
  const client = await signIn(newPhone())
  const heard: string[] = []
  const listen = () => useAuthEvent(({ type }) => heard.push(type))
  await render(<><App client={client}><Use hook={listen} /></App><App client={client} /></>)
  await waitFor(() => expect(screen.getAllByText('hello')).toHaveLength(2))
  await act(async () => void (await client.signOut()))
  await waitFor(() => expect(screen.getAllByText('because user: no sentence')).toHaveLength(2))
  expect(heard.filter((type) => type === 'signedOut')).toHaveLength(1)
})

test('a listener may change with every render, and hears nothing once it is unmounted', async () => {
  const client = await signIn(newPhone())
  const heard: string[] = []
  const tree = (name: string) => (
    <App client={client}><Use hook={() => useAuthEvent(({ type }) => heard.push(`${name} ${type}`))} /></App>
  )
  const view = await render(tree('first'))
  await screen.findByText('hello')
  await view.rerender(tree('second'))
  await act(async () => void (await client.getAccessToken({ forceRefresh: true })))
  expect(heard).toContain('second tokenRefreshed')
  expect(heard.filter((event) => event.startsWith('first'))).toEqual([])
  await view.unmount()
  const before = heard.length
  await client.signOut()
  expect(heard).toHaveLength(before)
})

test('unmounting signs nobody out, and what happens meanwhile is known at the next mount', async () => {
  const client = await signIn(newPhone())
  const view = await render(<App client={client} />)
  await screen.findByText('hello')
  await view.unmount()
  expect(client.status).toBe('active')
  await client.signOut()
  await render(<App client={client} />)
  expect(screen.queryByText('hello')).toBeNull()
  expect(await screen.findByText('because user: no sentence')).toBeTruthy()
  expect(complaints).toEqual([])
})

test('an unmount in the middle of a sign-in harms nobody', async () => {
  const client = newPhone().start()
  const view = await render(<App client={client} />)
  await fireEvent.press(await screen.findByText('sign in'))
  await view.unmount()
  await waitFor(() => expect(client.status).toBe('active'))
  expect(complaints).toEqual([])
})

test('another client takes the place of the first', async () => {
  const first = await signIn(newPhone())
  const view = await render(<App client={first} />)
  await screen.findByText('hello')
  await view.rerender(<App client={newPhone().start()} />)
  expect(await screen.findByText('sign in')).toBeTruthy()
  await act(async () => void (await first.signOut()))
  expect(screen.getByText('no reason')).toBeTruthy()
})

test('a hook without a provider says what is missing', async () => {
  await expect((async () => render(<Use hook={useAuth} />))()).rejects.toThrow('<AuthProvider client={...}>')
})
