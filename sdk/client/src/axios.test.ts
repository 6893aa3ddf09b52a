/** Which requests of an axios instance get the token, and which are sent once more. */
import axios from 'axios'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { authAxios } from './axios.js'

/** A server that takes only `t2`, and says what it got. */
const got: string[] = []
const server = createServer(async (request, response) => {
  let body = ''
  for await (const piece of request) body += piece
  got.push([request.url, request.headers.authorization ?? 'nothing', body.replace(/\s+/g, ' ')].join(' ').trim())
  response.statusCode = request.headers.authorization === 'Bearer t2' ? 200 : 401
  response.end()
})
let origin = ''

beforeAll(() => new Promise<void>((done) => server.listen(0, '127.0.0.1', () => {
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  done()
})))
afterAll(() => void server.close())
beforeEach(() => void got.splice(0))

const tokens = () => {
  let number = 1
  return {
    getAccessToken: async (options?: { refused?: string }) => {
      if (options?.refused === `t${number}`) number++
      return `t${number}`
    },
  }
}

test('a 401 leads to one refresh and one more try', async () => {
  const http = axios.create({ baseURL: origin })
  authAxios(tokens(), http, { origins: [origin] })
  expect((await http.post('/a', { name: 'ada' })).status).toBe(200)
  expect(got).toEqual(['/a Bearer t1 {"name":"ada"}', '/a Bearer t2 {"name":"ada"}'])
})

test('a second 401 is the answer, also to who takes it for no error', async () => {
  const never = { getAccessToken: async () => 't0' }
  const http = axios.create({ baseURL: origin })
  authAxios(never, http, { origins: [origin] })
  await expect(http.get('/a')).rejects.toMatchObject({ response: { status: 401 } })
  expect(got).toHaveLength(2)
  expect((await http.get('/b', { validateStatus: () => true })).status).toBe(401)
  expect(got).toHaveLength(4)
})

test('an error that is written down holds no token', async () => {
  const http = axios.create({ baseURL: origin })
  authAxios({ getAccessToken: async ({ refused }: { refused?: string } = {}) => (refused ? 'secret-2' : 'secret-1') }, http, { origins: [origin] })
  const error = await http.get('/a', { headers: { 'x-mine': 'kept' } }).catch((thrown) => thrown)
  expect(got).toEqual(['/a Bearer secret-1', '/a Bearer secret-2'])
  const written = JSON.stringify(error.toJSON())
  expect(written).toContain('kept')
  expect(written).not.toContain('secret')
})

test('two instances share what one has refreshed', async () => {
  const source = tokens()
  const [one, two] = [axios.create({ baseURL: origin }), axios.create({ baseURL: origin })]
  for (const http of [one, two]) authAxios(source, http, { origins: [origin] })
  await one.get('/one')
  await two.get('/two')
  expect(got).toEqual(['/one Bearer t1', '/one Bearer t2', '/two Bearer t2'])
})

test('a form is sent again, a stream is not', async () => {
  const http = axios.create({ baseURL: origin })
  authAxios(tokens(), http, { origins: [origin] })
  const form = new FormData()
  form.set('name', 'ada')
  await http.post('/form', form)
  expect(got.map((line) => line.includes('name="name" ada'))).toEqual([true, true])
  got.splice(0)
  const other = axios.create({ baseURL: origin, maxRedirects: 0 })
  authAxios(tokens(), other, { origins: [origin] })
  await expect(other.post('/stream', Readable.from(['x']))).rejects.toMatchObject({ response: { status: 401 } })
  expect(got).toEqual(['/stream Bearer t1 x'])
})

test.each<[string, (origin: string) => object, string]>([
  ['an absolute address beside the base of an API', (at) => ({ baseURL: 'https://api.example', url: `${at}/a` }), '/a nothing'],
  ['an authorization of its own', (at) => ({ url: `${at}/a`, headers: { Authorization: 'Basic x' } }), '/a Basic x'],
])('no token goes with %s', async (_, config, seen) => {
  const http = axios.create({ validateStatus: () => true })
  authAxios(tokens(), http, { origins: ['https://api.example', ...(seen.endsWith('x') ? [origin] : [])] })
  await http.request(config(origin))
  expect(got).toEqual([seen])
})

test('an address of ours behind the base of another is that other\'s', async () => {
  const http = axios.create({ baseURL: origin, allowAbsoluteUrls: false, validateStatus: () => true })
  authAxios(tokens(), http, { origins: ['https://api.example'] })
  await http.get('https://api.example/a')
  expect(got).toEqual([expect.stringContaining('nothing')])
})

test('taken out again, it adds nothing', async () => {
  const http = axios.create({ baseURL: origin, validateStatus: () => true })
  authAxios(tokens(), http, { origins: [origin] })()
  await http.get('/a')
  expect(got).toEqual(['/a nothing'])
})
