/** A server that is killed after it has committed, before it has answered; and requests that meet in it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openApp } from './harness/app.js'
import { openDevice } from './harness/device.js'
import { startProxy, type Fault, type Proxy } from './harness/proxy.js'
import { startServer, type Server } from './harness/server.js'

let server: Server
let proxy: Proxy

beforeEach(async () => {
  server = await startServer()
  proxy = await startProxy(server.issuer)
  await server.operator.addApp('app')
  await server.operator.addUser('ada')
}, 600_000)

afterEach(async () => {
  await proxy?.stop()
  await server?.stop()
})

/** The server is killed and started again in place of the first answer. */
function restarting(path: string): (passing: { path: string }) => Fault | undefined {
  let once = true
  return (passing) => {
    if (passing.path !== path || !once) return undefined
    once = false
    return {
      async afterwards() {
        await server.kill()
        await server.launch()
      },
    }
  }
}

test('a refresh whose server restarts before it answers gets its successor all the same', async () => {
  const { client, signIn, told } = openApp(server, { proxy })
  await signIn('ada')
  proxy.rule = restarting('/token')
  const token = await client.getAccessToken({ forceRefresh: true })
  expect(await server.operator.isActive(token)).toBe(true)
  expect(proxy.seen.filter(({ form }) => form.has('refresh_token'))).toHaveLength(2)
  await client.getAccessToken({ forceRefresh: true })
  expect(told('signedOut')).toEqual([])
  client.dispose()
})

test('a sign-out whose server restarts before it answers is confirmed at the next word', async () => {
  const { client, signIn, told } = openApp(server, { proxy })
  await signIn('ada')
  const token = await client.getAccessToken()
  proxy.rule = restarting('/account/logout')
  expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'queued' })
  expect(await client.flushSignOuts()).toBe(true)
  expect(told('signOutCompleted')).toHaveLength(1)
  expect(await server.operator.sessionLives(token)).toBe(false)
  client.dispose()
})

test('a connection that breaks after the commit, as browsers break them when they are reused', async () => {
  const { client, signIn, told } = openApp(server, { proxy })
  await signIn('ada')
  for (let round = 0; round < 5; round++) {
    let dropped = false
    proxy.rule = ({ path }) => {
      if (path !== '/token' || dropped) return undefined
      dropped = true
      return 'drop response if reused'
    }
    expect(await server.operator.isActive(await client.getAccessToken({ forceRefresh: true }))).toBe(true)
  }
  expect(proxy.seen.some(({ reused, path }) => reused && path === '/token')).toBe(true)
  expect(told('signedOut')).toEqual([])
  client.dispose()
})

test('a server that knows no keys signs the user out in the same place', async () => {
  await server.operator.addApp('strict', { retry_window_ms: 0 })
  const { client, signIn, told } = openApp(server, { proxy, clientId: 'strict' })
  await signIn('ada')
  let dropped = false
  proxy.rule = ({ headers, form }) => {
    delete headers['idempotency-key']
    if (!form.has('refresh_token') || dropped) return undefined
    dropped = true
    return 'drop response'
  }
  await expect(client.getAccessToken({ forceRefresh: true })).rejects.toMatchObject({ code: 'session_revoked' })
  expect(told('signedOut').map(({ reason }) => reason)).toEqual(['refresh_token_reuse'])
  client.dispose()
})

test('a refresh and a sign-out that meet in the server end in a sign-out', async () => {
  for (let round = 0; round < 25; round++) {
    const device = openDevice()
    const [here, there] = [openApp(server, { device }), openApp(server, { device })]
    await here.signIn('ada')
    const token = await here.client.getAccessToken()
    await there.client.initialize()
    const [result] = await Promise.all([
      here.client.signOut(),
      there.client.getAccessToken({ forceRefresh: true }).catch(() => undefined),
    ])
    expect(result).toEqual({ local: 'cleared', remote: 'revoked' })
    expect(await server.operator.sessionLives(token)).toBe(false)
    await expect(there.client.getAccessToken({ forceRefresh: true })).rejects.toMatchObject({ code: 'signed_out' })
    expect([here, there].map(({ told }) => told('signedOut').length)).toEqual([1, 1])
    here.client.dispose()
    there.client.dispose()
  }
})
