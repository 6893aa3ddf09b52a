/** The system's browser: what it is asked, and what its answers mean. */
import { expect, test } from '@jest/globals'
import { expoWebBrowser, inAppBrowser, type BrowserResult } from '@menshen/react-native'
import { ISSUER, killPhones, newPhone } from '../../lanes/phone'

const REDIRECT_URI = 'com.example.app:/signed-in?from=menshen'

/** Both modules, with an answer; and what they were asked. */
function browsers(result: BrowserResult) {
  const asked: unknown[][] = []
  const open = async (...words: unknown[]) => {
    asked.push(words)
    return result
  }
  return {
    asked,
    expo: (options?: { ephemeral?: boolean }) => expoWebBrowser({ openAuthSessionAsync: open }, options),
    inApp: (options?: { ephemeral?: boolean }) => inAppBrowser({ openAuth: open }, options),
  }
}

const address = (name: string) =>
  `https://id.example/authorize?client_id=app&${name}=${encodeURIComponent(REDIRECT_URI)}&state=x`

test.each(['expo', 'inApp'] as const)('%s is asked to come back to where the request says', async (name) => {
  const found = browsers({ type: 'success', url: `${REDIRECT_URI}&code=abc` })
  expect(await found[name]()(address('redirect_uri'))).toBe(`${REDIRECT_URI}&code=abc`)
  await found[name]({ ephemeral: true })(address('post_logout_redirect_uri'))
  expect(found.asked.map(([url, back]) => [url, back])).toEqual([
    [address('redirect_uri'), REDIRECT_URI],
    [address('post_logout_redirect_uri'), REDIRECT_URI],
  ])
  const option = name === 'expo' ? 'preferEphemeralSession' : 'ephemeralWebSession'
  expect(found.asked.map(([, , options]) => (options as Record<string, unknown>)[option])).toEqual([false, true])
})

test.each(['cancel', 'dismiss', 'locked'])('a browser that answers %s is a sign-in called off', async (type) => {
  const open = browsers({ type }).expo()
  await expect(open(address('redirect_uri'))).rejects.toMatchObject({ code: 'cancelled' })
  const client = newPhone().start()
  await expect(client.signIn.oidc({ redirectUri: REDIRECT_URI, open })).rejects.toMatchObject({ code: 'cancelled' })
  expect(client.status).toBe('signedOut')
  killPhones()
})

test('the client asks the provider\'s authorization endpoint', async () => {
  const found = browsers({ type: 'cancel' })
  await newPhone().start().signIn.oidc({ redirectUri: REDIRECT_URI, open: found.expo() }).catch(() => undefined)
  const [address, back] = found.asked[0] ?? []
  expect(String(address).startsWith(`${ISSUER}/authorize?`)).toBe(true)
  expect(back).toBe(REDIRECT_URI)
  killPhones()
})

test('an address that leads nowhere is refused', async () => {
  await expect(browsers({ type: 'success' }).expo()('https://id.example/')).rejects.toMatchObject({ code: 'config' })
})
