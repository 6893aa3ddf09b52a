/** A runtime that has nothing but the language: all that touches the world is handed in. */
import { createHash, randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { getQuickJS, type QuickJSContext, type QuickJSHandle } from 'quickjs-emscripten'
import { expect, onTestFinished, test } from 'vitest'
import { PASSWORD } from '../client/tests/harness/operator.js'
import { served } from '../client/tests/harness/served.js'
import { until } from '../client/tests/harness/until.js'

const CLIENT = buildSync({
  stdin: {
    contents: "export { createAuthClient } from './index.js'; export { menshenAccount } from './account.js'",
    resolveDir: fileURLToPath(new URL('../client/dist', import.meta.url)),
  },
  bundle: true, write: false, format: 'cjs',
}).outputFiles[0]?.text

const server = await served('ada')

/** An app as it would be written for such a runtime; `host` is what the embedder gives. */
const APP = `
  const module = { exports: {} }
  ;(function (module, exports) { ${CLIENT} })(module, module.exports)
  const { createAuthClient, menshenAccount } = module.exports
  const events = []
  function open(issuer) {
    const store = new Map()
    const storage = {
      getItem: (key) => store.get(key),
      setItem: (key, value) => void store.set(key, value),
      removeItem: (key) => void store.delete(key),
      keys: () => [...store.keys()],
    }
    const client = createAuthClient({
      issuer, clientId: 'app', scope: 'openid account offline_access', storage, outboxStorage: storage,
      account: menshenAccount,
      now: host.now,
      timers: { setTimeout: host.setTimeout, clearTimeout: host.clearTimeout },
      crypto: {
        randomBytes: (count) => Uint8Array.from(JSON.parse(host.randomBytes(count))),
        sha256: (text) => Uint8Array.from(JSON.parse(host.sha256(text))),
      },
      fetch: (url, { method, headers, body }) => new Promise((resolve, reject) =>
        host.request(url, method, JSON.stringify(headers), body, (status, found, text) => {
          if (status === 0) return reject(new Error(text))
          const all = JSON.parse(found)
          resolve({ status, headers: { get: (name) => all[name] }, text: async () => text })
        })),
    })
    client.on((event) => events.push(event.type + (event.reason ? ':' + event.reason : '')))
    return { client, store }
  }
`

test('in QuickJS one signs in, refreshes and signs out', async () => {
  const { evaluate } = await openQuickJs()
  const found = JSON.parse(await evaluate(`(async () => {
    const { client, store } = open('${server.issuer}')
    await client.signIn.password({ username: 'ada', password: '${PASSWORD}' })
    const first = await client.getAccessToken()
    const second = await client.getAccessToken({ forceRefresh: true })
    const { user } = await client.getSession()
    const sessions = await client.listSessions()
    const before = [...store.keys()]
    const result = await client.signOut()
    return JSON.stringify({ first, second, user, sessions, before, after: [...store.keys()], result, events, status: client.status })
  })()`))
  expect(found.first).not.toBe(found.second)
  expect(found.user.sub).toEqual(expect.any(String))
  expect(found.sessions).toEqual([expect.objectContaining({ current: true })])
  expect(found.before).toContain('menshen.session')
  expect(found.after).not.toContain('menshen.session')
  expect(found.result).toEqual({ local: 'cleared', remote: 'revoked' })
  expect(found.status).toBe('signedOut')
  expect(found.events).toContain('signedOut:user')
  await until('the token is dead', async () => !(await server.operator.isActive(found.second)))
})

/** A context without any global of a host, and what an embedder would give it. */
async function openQuickJs(): Promise<{ evaluate(code: string): Promise<string> }> {
  const vm = (await getQuickJS()).newContext()
  const timers = new Map<number, NodeJS.Timeout>()
  let isOver = false
  onTestFinished(() => {
    isOver = true
    for (const timer of timers.values()) clearTimeout(timer)
  })
  const host = vm.newObject()
  const give = (name: string, work: (...given: QuickJSHandle[]) => QuickJSHandle | undefined) =>
    vm.newFunction(name, work as never).consume((handle) => vm.setProp(host, name, handle))
  const turn = () => void (isOver || vm.runtime.executePendingJobs())
  const bytes = (found: Buffer) => vm.newString(JSON.stringify([...found]))

  give('now', () => vm.newNumber(Date.now()))
  give('randomBytes', (count) => bytes(randomBytes(vm.getNumber(count!))))
  give('sha256', (text) => bytes(createHash('sha256').update(vm.getString(text!)).digest()))
  give('setTimeout', (work, ms) => {
    const [callback, id] = [work!.dup(), timers.size + 1]
    timers.set(id, setTimeout(() => call(vm, callback, [], turn), vm.getNumber(ms!)))
    return vm.newNumber(id)
  })
  give('clearTimeout', (id) => {
    if (vm.typeof(id!) === 'number') clearTimeout(timers.get(vm.getNumber(id!)))
    return undefined
  })
  give('request', (url, method, headers, body, done) => {
    const callback = done!.dup()
    const init = {
      method: vm.getString(method!), headers: JSON.parse(vm.getString(headers!)),
      body: vm.typeof(body!) === 'string' ? vm.getString(body!) : undefined,
    }
    fetch(vm.getString(url!), init).then(
      async (answer) => [answer.status, JSON.stringify(Object.fromEntries(answer.headers)), await answer.text()] as const,
      (error: unknown) => [0, '{}', String(error)] as const,
    ).then(([status, found, text]) => {
      if (!isOver) call(vm, callback, [vm.newNumber(status), vm.newString(found), vm.newString(text)], turn)
    }, () => undefined)
    return undefined
  })
  vm.setProp(vm.global, 'host', host)
  vm.unwrapResult(vm.evalCode(APP)).dispose()

  return {
    async evaluate(code) {
      const promise = vm.unwrapResult(vm.evalCode(code))
      const settled = vm.resolvePromise(promise)
      turn()
      return vm.unwrapResult(await settled).consume((handle) => vm.getString(handle))
    },
  }
}

function call(vm: QuickJSContext, callback: QuickJSHandle, given: QuickJSHandle[], turn: () => void): void {
  vm.unwrapResult(vm.callFunction(callback, vm.undefined, ...given)).dispose()
  callback.dispose()
  for (const handle of given) handle.dispose()
  turn()
}
