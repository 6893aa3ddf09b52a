/** The system's browser: what it is asked, and what its answers mean. */
import { expect, test } from '@jest/globals'
import type { Provider } from '@menshen/client/browser'
import { expoCrypto, expoWebBrowser, inAppBrowser, type BrowserResult } from '@menshen/react-native'
import { fakeExpoCrypto } from '@menshen/testing'
import { ISSUER, killPhones, newPhone } from '../../lanes/phone'

const REDIRECT_URI = 'com.example.app:/signed-in?from=menshen'

/** Both modules, with an answer; and what they were asked. */
function browsers(result: BrowserResult | ((address: string) => BrowserResult)) {
  const asked: unknown[][] = []
  const open = async (...words: unknown[]) => {
    asked.push(words)
    return typeof result === 'function' ? result(String(words[0])) : result
  }
  return {
    asked,
    expo: (options?: { ephemeral?: boolean }) => expoWebBrowser({ openAuthSessionAsync: open }, options),
    inApp: (options?: { ephemeral?: boolean }) => inAppBrowser({ openAuth: open }, options),
  }
}

const PROVIDER: Provider = {
  issuer: 'https://id.example', namesIssuer: false, crypto: expoCrypto(fakeExpoCrypto()),
  required: (name) => `https://id.example/${name}`,
}
/** The requests that lead back to the app. */
const signIn = { redirect_uri: REDIRECT_URI }
const signOut = { post_logout_redirect_uri: REDIRECT_URI }

test.each(['expo', 'inApp'] as const)('%s is asked to come back to where the request says', async (name) => {
  const found = browsers({ type: 'success', url: `${REDIRECT_URI}&code=abc&state=x` })
  // The state is another one: who gets as far as that has read the address that came back.
  await expect(found[name]().authorize(signIn, PROVIDER)).rejects.toMatchObject({ code: 'server' })
  await expect(found[name]({ ephemeral: true }).endSession(signOut, PROVIDER)).rejects.toMatchObject({ code: 'server' })
  expect(found.asked.map(([url, back]) => [String(url).split('?')[0], back])).toEqual([
    ['https://id.example/authorization', REDIRECT_URI],
    ['https://id.example/end_session', REDIRECT_URI],
  ])
  const option = name === 'expo' ? 'preferEphemeralSession' : 'ephemeralWebSession'
  expect(found.asked.map(([, , options]) => (options as Record<string, unknown>)[option])).toEqual([false, true])
})

test.each(['expo', 'inApp'] as const)('%s brings the code of the answer', async (name) => {
  const found = browsers((address) => ({
    type: 'success', url: `${REDIRECT_URI}&code=abc&${/state=[^&]+/.exec(address)?.[0]}`,
  }))
  expect(await found[name]().authorize(signIn, PROVIDER)).toMatchObject({ code: 'abc' })
})

test.each(['cancel', 'dismiss', 'locked'])('a browser that answers %s is a sign-in called off', async (type) => {
  const browser = browsers({ type }).expo()
  await expect(browser.authorize(signIn, PROVIDER)).rejects.toMatchObject({ code: 'cancelled' })
  const client = newPhone().start()
  await expect(client.signIn.oidc({ redirectUri: REDIRECT_URI, browser })).rejects.toMatchObject({ code: 'cancelled' })
  expect(client.status).toBe('signedOut')
  killPhones()
})

test('the client asks the provider\'s authorization endpoint', async () => {
  const found = browsers({ type: 'cancel' })
  await newPhone().start().signIn.oidc({ redirectUri: REDIRECT_URI, browser: found.expo() }).catch(() => undefined)
  const [address, back] = found.asked[0] ?? []
  expect(String(address).startsWith(`${ISSUER}/authorize?`)).toBe(true)
  expect(back).toBe(REDIRECT_URI)
  killPhones()
})

test('an address that leads nowhere is refused', async () => {
  await expect(browsers({ type: 'success' }).expo().authorize({}, PROVIDER)).rejects.toMatchObject({ code: 'config' })
})
