/** A phone for the suites: what it keeps, its network, and an app on it that can be killed and started. */
import { createAuthClient, type AuthClient, type AuthClientOptions, type Fetch } from '@menshen/client'
import { menshenAccount } from '@menshen/client/account'
import { expoCrypto } from '@menshen/react-native'
import { fakeExpoCrypto, faultyFetch, memoryStorage, type FetchCall, type FetchFault, type MemoryStorage } from '@menshen/testing'

declare const nodeFetch: typeof fetch

export const ISSUER = process.env.MENSHEN_ISSUER ?? ''
export const ADA = { username: 'ada', password: 'correct-horse-battery-staple' }

export interface Phone {
  readonly storage: MemoryStorage
  readonly outbox: MemoryStorage
  /** Every request that the app made. */
  readonly requests: FetchCall[]
  /** What becomes of requests; nothing by default. */
  network(fault: FetchFault | undefined): void
  /** What a client on this phone is made of. */
  options(): AuthClientOptions
  /** Starts the app, over whatever is on the phone. */
  start(options?: Partial<AuthClientOptions>): AuthClient
  /** Stops every app that was started, as a kill does: nothing is said to anybody. */
  kill(): void
}

function openPhone(): Phone {
  const [storage, outbox] = [memoryStorage(), memoryStorage()]
  const requests: FetchCall[] = []
  const running: AuthClient[] = []
  let fault: FetchFault | undefined
  const transport: Fetch = (url, init) => nodeFetch(url, init as RequestInit)
  const fetch = faultyFetch(transport, (call) => {
    requests.push(call)
    return fault
  })
  const options = (): AuthClientOptions => ({
    issuer: ISSUER,
    clientId: 'app',
    scope: 'openid profile account offline_access',
    storage,
    outboxStorage: outbox,
    account: menshenAccount,
    crypto: expoCrypto(fakeExpoCrypto()),
    fetch,
  })
  return {
    storage,
    outbox,
    requests,
    network: (next) => { fault = next },
    options,
    start(more = {}) {
      const client = createAuthClient({ ...options(), ...more })
      running.push(client)
      return client
    },
    kill: () => running.splice(0).forEach((client) => client.dispose()),
  }
}

/** The refresh token that is on the phone. */
export function refreshTokenOn(phone: Phone): string {
  const [token] = [...phone.storage.values.values()]
    .map((value) => (JSON.parse(value) as { refreshToken?: string }).refreshToken)
    .filter((found) => found !== undefined)
  if (token === undefined) throw new Error('there is no refresh token on the phone')
  return token
}

/** What the server says to a refresh token, past every client. */
export async function serverTakes(refreshToken: string): Promise<boolean> {
  const answer = await nodeFetch(`${ISSUER}/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `grant_type=refresh_token&client_id=app&refresh_token=${encodeURIComponent(refreshToken)}`,
  })
  return answer.status === 200
}

const phones: Phone[] = []

/** A phone of one test; {@link killPhones} after each. */
export function newPhone(): Phone {
  const phone = openPhone()
  phones.push(phone)
  return phone
}

export function killPhones(): void {
  for (const phone of phones.splice(0)) phone.kill()
}

/** Starts the app on a phone, and signs Ada in. */
export async function signIn(phone: Phone, options?: Partial<AuthClientOptions>): Promise<AuthClient> {
  const client = phone.start(options)
  await client.signIn.password(ADA)
  return client
}

/** Where requests went. */
export function pathsOf(requests: readonly FetchCall[]): string[] {
  return requests.map(({ url }) => url.slice(ISSUER.length))
}

/** Waits for a condition, and says which when it does not come true within 10 seconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within 10 seconds: ${what}`)
    await new Promise((done) => setTimeout(done, 10))
  }
}
