/** A mini program: no fetch, but a request with callbacks, as `wx.request` of WeChat has it. */
import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { expect, test } from 'vitest'
import { createAuthClient, type Fetch } from '../client/src/index.js'
import { openDevice } from '../client/tests/harness/device.js'
import { PASSWORD } from '../client/tests/harness/operator.js'
import { served } from '../client/tests/harness/served.js'

const server = await served('ada')

interface WxRequest {
  url: string
  method: string
  header: Record<string, string>
  data?: string
  dataType: string
  success(answer: { statusCode: number; header: Record<string, string>; data: string }): void
  fail(error: { errMsg: string }): void
}

/** What WeChat brings, over Node's own requests. Names of headers come as the server has written them. */
const wx = {
  request({ url, method, header, data, success, fail }: WxRequest): void {
    const sent = request(url, { method, headers: header }, async (answer) => {
      let text = ''
      for await (const piece of answer) text += piece
      const [names, found] = [answer.rawHeaders, {} as Record<string, string>]
      for (let at = 0; at < names.length; at += 2) found[names[at]!] = names[at + 1]!
      success({ statusCode: answer.statusCode ?? 0, header: found, data: text })
    })
    sent.on('error', ({ message }) => fail({ errMsg: message })).end(data)
  },
}

/** The transport that such an app passes in. `dataType` other than `json` leaves the text as it is. */
const wxFetch: Fetch = (url, { method, headers, body }) => new Promise((resolve, reject) => wx.request({
  url, method, header: headers, data: body, dataType: 'text',
  success({ statusCode, header, data }) {
    const all = Object.fromEntries(Object.entries(header).map(([name, value]) => [name.toLowerCase(), value]))
    resolve({ status: statusCode, headers: { get: (name) => all[name] }, text: async () => data })
  },
  fail: ({ errMsg }) => reject(new Error(errMsg)),
}))

test('with the request of a mini program one signs in, refreshes and signs out', async () => {
  const client = createAuthClient({
    issuer: server.issuer, clientId: 'app', ...openDevice().storages(), fetch: wxFetch,
    crypto: { randomBytes, sha256: (text) => createHash('sha256').update(text).digest() },
  })
  await client.signIn.password({ username: 'ada', password: PASSWORD, devicePlatform: 'wechat' })
  const token = await client.getAccessToken({ forceRefresh: true })
  expect(await server.operator.isActive(token)).toBe(true)
  expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'revoked' })
  expect(await server.operator.isActive(token)).toBe(false)
})
