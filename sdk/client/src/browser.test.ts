/** The way through the browser, and answers that are somebody else's. */
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { systemBrowser, type Provider } from './browser.js'

const PROVIDER: Provider = {
  issuer: 'https://id.example', namesIssuer: false,
  crypto: { randomBytes, sha256: () => new Uint8Array() },
  required: (name) => `https://id.example/${name}?tenant=1`,
}

/** The code, when the browser comes back with `back` and the state of the request. */
async function codeOf(back: string) {
  const browser = systemBrowser(async (address) => {
    const state = new URL(address).searchParams.get('state')
    return back.replace('STATE', `state=${state}`)
  })
  return (await browser.authorize({ scope: 'profile' }, PROVIDER)).code
}

describe('an address that came back', () => {
  test.each([
    ['com.example.app:/cb?code=a&STATE', 'a'],
    ['com.example.app:/cb?STATE&code=a%20b', 'a b'],
    ['com.example.app:/cb?STATE&code=a+b', 'a b'],
    ['com.example.app:/cb?STATE&code=a=b', 'a=b'],
    ['com.example.app:/cb?STATE&code=a%26b', 'a&b'],
    ['com.example.app:/cb?STATE&code=a#code=evil', 'a'],
  ])('%s has the code %s', async (address, code) => expect(await codeOf(address)).toBe(code))

  test.each([
    'app:/cb?STATE', 'app:/cb?STATE&code', 'app:/cb?STATE#code=a', 'app:/cb?STATE&xcode=a', 'app:/cb#STATE&code=a', 'app:/cb',
    'app:/cb?STATE&code=a&code=b', 'app:/cb?STATE&code=%', 'app:/cb?STATE&code=%ff', 'app:/cb?code=a',
  ])('%s is refused', async (address) => {
    await expect(codeOf(address)).rejects.toMatchObject({ name: 'AuthError', code: 'server' })
  })
})

test('a request keeps the query that the endpoint has, and asks for an ID token by a nonce', async () => {
  const asked: URLSearchParams[] = []
  const browser = systemBrowser(async (address) => {
    expect(address.startsWith('https://id.example/authorization?tenant=1&')).toBe(true)
    asked.push(new URL(address).searchParams)
    return `app:/cb?code=a&state=${asked[0]!.get('state')}`
  })
  const { nonce } = await browser.authorize({ scope: 'openid profile', redirect_uri: 'app:/cb' }, PROVIDER)
  expect(Object.fromEntries(asked[0]!)).toEqual({
    tenant: '1', scope: 'openid profile', redirect_uri: 'app:/cb', response_type: 'code', nonce, state: expect.any(String),
  })
})

test('a sign-out goes to its own endpoint, and is over when its own answer came back', async () => {
  const asked: string[] = []
  const honest = systemBrowser(async (address) => {
    asked.push(address)
    return `app:/out?state=${new URL(address).searchParams.get('state')}`
  })
  await honest.endSession({ id_token_hint: 'e30', post_logout_redirect_uri: 'app:/out' }, PROVIDER)
  expect(asked[0]).toMatch(/^https:\/\/id\.example\/end_session\?tenant=1&id_token_hint=e30&/)
  await expect(systemBrowser(async () => 'app:/out?state=x').endSession({}, PROVIDER)).rejects.toMatchObject({ code: 'server' })
})
