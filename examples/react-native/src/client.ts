/** The one client of the app, and how it reaches the API. */
import { authFetch } from '@menshen/client/fetch'
import { createReactNativeClient } from '@menshen/react-native'
import { device } from './device'
import { settings } from './settings'

export const client = createReactNativeClient({
  issuer: settings.issuer,
  clientId: settings.clientId,
  scope: 'openid profile offline_access account tea',
  ...device,
})

/** Only the API gets the access token. */
const ask = authFetch(client, fetch, { origins: [settings.api] })

/** What the tea house answers. */
export interface Tea {
  cup: number
  name: string
  from: string
  brew: string
  color: string
  /** Whom the gateway has named. */
  subject: string
}

/**
 * Asks the API, through the gateway.
 *
 * @throws {AuthError} as `getAccessToken`; `Error` when the API does not answer as it should.
 */
export async function askForTea(language: string): Promise<Tea> {
  const answer = await ask(`${settings.api}/tea`, { headers: { 'accept-language': language } })
  if (!answer.ok) throw new Error(`the API answered ${answer.status}`)
  return (await answer.json()) as Tea
}
