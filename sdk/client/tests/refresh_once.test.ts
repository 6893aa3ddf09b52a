/** However many ask, and by whatever they ask, there is one refresh. */
import axios from 'axios'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { authAxios } from '../src/axios.js'
import { authFetch } from '../src/fetch.js'
import { openApp, type AppOptions } from './harness/app.js'
import { startProxy, type Proxy } from './harness/proxy.js'
import { served } from './harness/served.js'

const server = await served('ada')

async function signedIn(options: AppOptions = {}) {
  const proxy = await startProxy(server.issuer)
  const app = openApp(server, { proxy, ...options })
  onTestFinished(async () => {
    app.client.dispose()
    await proxy.stop()
  })
  await app.signIn('ada')
  return { ...app, proxy }
}

/** How many requests the server has had to refresh. */
const refreshes = ({ seen }: Proxy) => seen.filter(({ form }) => form.has('refresh_token')).length

/** An API that takes every token but one, and says which it was given. */
async function startApi(refused: string) {
  const given: string[] = []
  const api = createServer((request, response) => {
    const token = request.headers.authorization?.replace('Bearer ', '') ?? 'none'
    given.push(token)
    response.writeHead(token === refused ? 401 : 200).end(token)
  })
  await new Promise<void>((done) => api.listen(0, '127.0.0.1', done))
  onTestFinished(() => void api.close())
  return { url: `http://127.0.0.1:${(api.address() as AddressInfo).port}`, given }
}

test('fifty calls at expiry', async () => {
  let now = Date.now()
  const { client, proxy } = await signedIn({ now: () => now })
  const old = await client.getAccessToken()
  now += 595_000
  const tokens = await Promise.all(Array.from({ length: 50 }, () => client.getAccessToken()))
  expect(new Set(tokens).size).toBe(1)
  expect(tokens[0]).not.toBe(old)
  expect(refreshes(proxy)).toBe(1)
})

test('three axios instances and two fetches that are refused at once', async () => {
  const { client, proxy } = await signedIn()
  const old = await client.getAccessToken()
  const api = await startApi(old)
  const origins = [api.url]
  const instances = [axios.create({ baseURL: api.url }), axios.create(), axios.create({ baseURL: `${api.url}/v1` })]
  instances.forEach((instance) => authAxios(client, instance, { origins }))
  const fetches = [authFetch(client, fetch, { origins }), authFetch(client, fetch, { origins })]
  const answers = await Promise.all([
    ...instances.flatMap((instance) => [1, 2, 3].map(async () => (await instance.get(`${api.url}/orders`)).data as string)),
    ...fetches.flatMap((call) => [1, 2, 3].map(async () => (await call(`${api.url}/orders`)).text())),
  ])
  expect(answers).toHaveLength(15)
  expect(new Set(answers)).toEqual(new Set([await client.getAccessToken()]))
  expect(refreshes(proxy)).toBe(1)
  expect(api.given.filter((token) => token !== old)).toHaveLength(15)
})

test('one who is refused late does not refresh again', async () => {
  const { client, proxy } = await signedIn()
  const old = await client.getAccessToken()
  const next = await client.getAccessToken({ refused: old })
  expect(await client.getAccessToken({ refused: old })).toBe(next)
  expect(refreshes(proxy)).toBe(1)
})

test('two clients of one storage that refresh at once get one successor', async () => {
  const { client, device, proxy } = await signedIn()
  const other = openApp(server, { proxy, device }).client
  onTestFinished(() => other.dispose())
  await other.initialize()
  for (let round = 0; round < 20; round++) {
    await Promise.all([client, other].map((each) => each.getAccessToken({ forceRefresh: true })))
  }
  expect([client.status, other.status]).toEqual(['active', 'active'])
  expect(await server.operator.isActive(await client.getAccessToken({ forceRefresh: true }))).toBe(true)
})
