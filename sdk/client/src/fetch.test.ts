/** Which requests get the token, and which are sent once more. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { authFetch } from './fetch.js'

const stops: (() => void)[] = []
afterEach(() => stops.splice(0).forEach((stop) => stop()))

/** A server on a port of its own, and what it got: method, path, token, body. */
async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const got: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    got.push([request.method, request.url, request.headers.authorization ?? 'nothing', body.replace(/\s+/g, ' ')].join(' ').trim())
    answer(request, response)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  stops.push(() => server.close())
  return { got, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** Tokens as a client gives them: another one when one was refused, and one refresh for all. */
function tokens() {
  let number = 1
  const refused: string[] = []
  return {
    refused,
    async getAccessToken(options?: { refused?: string }) {
      if (options?.refused) refused.push(options.refused)
      if (options?.refused === `t${number}`) number++
      return `t${number}`
    },
  }
}

const onlyFor = (token: string) => (request: IncomingMessage, response: ServerResponse) => {
  response.statusCode = request.headers.authorization === `Bearer ${token}` ? 200 : 401
  response.end()
}

describe('each way to call fetch carries the token, and keeps the rest', () => {
  test.each<[string, (origin: string) => [any, any?], string]>([
    ['text', (origin) => [`${origin}/a`], 'GET /a Bearer t1'],
    ['a URL', (origin) => [new URL('/a?b=c', origin)], 'GET /a?b=c Bearer t1'],
    ['a Request', (origin) => [new Request(`${origin}/a`, { method: 'PUT', body: 'x' })], 'PUT /a Bearer t1 x'],
    ['a Request, and more', (origin) => [new Request(`${origin}/a`), { method: 'DELETE' }], 'DELETE /a Bearer t1'],
    ['headers', (origin) => [`${origin}/a`, { method: 'POST', headers: new Headers({ x: 'y' }), body: 'z' }], 'POST /a Bearer t1 z'],
    ['pairs', (origin) => [`${origin}/a`, { headers: [['x', 'y']] }], 'GET /a Bearer t1'],
    ['its own authorization', (origin) => [`${origin}/a`, { headers: { Authorization: 'Basic x' } }], 'GET /a Basic x'],
  ])('%s', async (_, call, seen) => {
    const { got, origin } = await listen((_request, response) => response.end())
    await authFetch(tokens(), fetch, { origins: [origin] })(...call(origin))
    expect(got).toEqual([seen])
  })

  test('headers of a Request', async () => {
    let found: unknown
    const { origin } = await listen((request, response) => { found = request.headers['x-mine']; response.end() })
    await authFetch(tokens(), fetch, { origins: [origin] })(new Request(origin, { headers: { 'x-mine': 'kept' } }))
    expect(found).toBe('kept')
  })
})

describe('a 401 leads to one refresh and one more try, with the same body', () => {
  const form = new FormData()
  form.set('name', 'ada')
  test.each<[string, (origin: string) => [any, any?], RegExp]>([
    ['none', (origin) => [origin], /^GET \/ Bearer t2$/],
    ['text', (origin) => [origin, { method: 'POST', body: 'x' }], /^POST \/ Bearer t2 x$/],
    ['bytes', (origin) => [origin, { method: 'POST', body: new Uint8Array([120]) }], /^POST \/ Bearer t2 x$/],
    ['a blob', (origin) => [origin, { method: 'POST', body: new Blob(['x']) }], /^POST \/ Bearer t2 x$/],
    ['a form', (origin) => [origin, { method: 'POST', body: form }], /^POST \/ Bearer t2 .*name="name" ada/],
    ['a query', (origin) => [origin, { method: 'POST', body: new URLSearchParams('x=y') }], /^POST \/ Bearer t2 x=y$/],
    ['of a Request', (origin) => [new Request(origin, { method: 'POST', body: 'x' })], /^POST \/ Bearer t2 x$/],
  ])('%s', async (_, call, seen) => {
    const { got, origin } = await listen(onlyFor('t2'))
    const answer = await authFetch(tokens(), fetch, { origins: [origin] })(...call(origin))
    expect(answer.status).toBe(200)
    expect(got).toHaveLength(2)
    expect(got[1]).toMatch(seen)
  })

  test('a stream is not sent twice', async () => {
    const { got, origin } = await listen(onlyFor('t2'))
    const source = tokens()
    const body = new ReadableStream({ start(stream) { stream.enqueue(new Uint8Array([120])); stream.close() } })
    const answer = await authFetch(source, fetch, { origins: [origin] })(origin, { method: 'POST', body, duplex: 'half' } as RequestInit)
    expect(answer.status).toBe(401)
    expect(got).toEqual(['POST / Bearer t1 x'])
    expect(source.refused).toEqual([])
  })

  test('a second 401 is the answer', async () => {
    const { got, origin } = await listen(onlyFor('none'))
    const answer = await authFetch(tokens(), fetch, { origins: [origin] })(origin)
    expect(answer.status).toBe(401)
    expect(got).toHaveLength(2)
  })
})

test('a redirect to another origin leaves the token behind', async () => {
  const other = await listen((_request, response) => response.end())
  const { got, origin } = await listen((_request, response) => {
    response.writeHead(302, { location: `${other.origin}/there` }).end()
  })
  await authFetch(tokens(), fetch, { origins: [origin] })(origin)
  expect(got).toEqual(['GET / Bearer t1'])
  expect(other.got).toEqual(['GET /there nothing'])
})

test('other origins see nothing of the token', async () => {
  const { got, origin } = await listen((_request, response) => response.end())
  await authFetch(tokens(), fetch, { origins: ['https://api.example'] })(origin)
  expect(got).toEqual(['GET / nothing'])
})

test('what the caller changes while the token is fetched is not sent', async () => {
  const other = await listen((_request, response) => response.end())
  const { got, origin } = await listen(onlyFor('t2'))
  const address = new URL('/a', origin)
  const init = { method: 'POST', body: 'x', headers: { 'x-mine': 'kept' } as Record<string, string> }
  const answer = authFetch(tokens(), fetch, { origins: [origin] })(address, init)
  address.href = `${other.origin}/there`
  Object.assign(init, { method: 'DELETE', body: 'y' })
  init.headers['authorization'] = 'Basic x'
  expect((await answer).status).toBe(200)
  expect(got).toEqual(['POST /a Bearer t1 x', 'POST /a Bearer t2 x'])
  expect(other.got).toEqual([])
})
