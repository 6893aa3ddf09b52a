/** The app comes to the front, the network is back: a client over the real server hears of it. */
import { afterEach, expect, test } from '@jest/globals'
import { appState, createReactNativeClient, expoCrypto, netInfo, type AppStateModule, type NetInfoModule } from '@menshen/react-native'
import { fakeExpoCrypto } from '@menshen/testing'
import { ADA, killPhones, newPhone, signIn, until } from '../../lanes/phone'

afterEach(killPhones)

/** A phone's AppState, which a test moves. */
function fakeAppState() {
  const listeners = new Set<(state: string) => void>()
  const module: AppStateModule = {
    addEventListener(_, listener) {
      listeners.add(listener)
      return { remove: () => void listeners.delete(listener) }
    },
  }
  return { module, listeners, become: (state: string) => listeners.forEach((listener) => listener(state)) }
}

/** A phone's NetInfo, which a test moves. */
function fakeNetInfo() {
  const listeners = new Set<Parameters<NetInfoModule['addEventListener']>[0]>()
  const module: NetInfoModule = {
    addEventListener(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  return {
    module,
    listeners,
    become: (isConnected: boolean | null, isInternetReachable: boolean | null = isConnected) =>
      listeners.forEach((listener) => listener({ isConnected, isInternetReachable })),
  }
}

test('a session that was ended elsewhere is noticed when the app comes to the front', async () => {
  const client = await signIn(newPhone())
  const elsewhere = await signIn(newPhone())
  const phone = fakeAppState()
  appState(phone.module)(client)
  const here = (await client.listSessions()).find(({ current }) => current)
  await elsewhere.revokeSession(here?.id ?? '')
  const reasons: string[] = []
  client.on((event) => event.type === 'signedOut' && reasons.push(event.reason))
  phone.become('background')
  phone.become('active')
  await until('it is noticed', () => reasons.length > 0)
  expect(reasons).toEqual(['remote_logout'])
})

test('only coming to the front wakes the client', async () => {
  const client = newPhone().start()
  let woken = 0
  const foreground = () => {
    woken++
    return client.foreground()
  }
  const app = fakeAppState()
  appState(app.module)(Object.create(client, { foreground: { value: foreground } }))
  for (const state of ['inactive', 'background', 'active']) app.become(state)
  expect(woken).toBe(1)
})

test('a sign-out that waits is told of when the network is back', async () => {
  const phone = newPhone()
  const client = await signIn(phone)
  const network = fakeNetInfo()
  netInfo(network.module)(client)
  network.become(true)
  network.become(false)
  phone.network('offline')
  expect(await client.signOut()).toMatchObject({ remote: 'queued' })
  phone.network(undefined)
  const before = phone.requests.length
  network.become(true, false)
  await client.getSession()
  expect(phone.requests).toHaveLength(before)
  network.become(true)
  await until('the server is told', async () => (await client.pendingSignOuts()) === 0)
})

test('what is watched is watched until the client is disposed of', async () => {
  const phone = newPhone()
  const [app, network] = [fakeAppState(), fakeNetInfo()]
  const client = createReactNativeClient({
    ...phone.options(),
    crypto: expoCrypto(fakeExpoCrypto()),
    watch: [appState(app.module), netInfo(network.module)],
  })
  await client.signIn.password(ADA)
  expect([client.status, app.listeners.size, network.listeners.size]).toEqual(['active', 1, 1])
  client.dispose()
  expect([app.listeners.size, network.listeners.size]).toEqual([0, 0])
})
