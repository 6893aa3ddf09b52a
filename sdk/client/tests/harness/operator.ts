/** The operator of a server, by the admin API; and what the server says when it is asked directly. */
import { until } from './until.js'

export interface Operator {
  /** Creates a user with {@link PASSWORD}; the answer is the id. */
  addUser(username: string): Promise<string>
  /** Creates a public client that may sign users in on its own screen. */
  addApp(id: string, policy?: Record<string, unknown>): Promise<void>
  /** Whether the server takes this access token. */
  isActive(accessToken: string): Promise<boolean>
  /** Whether the session that this access token belongs to lives. */
  sessionLives(accessToken: string): Promise<boolean>
  /** How many sessions of a user live. */
  countSessions(userId: string): Promise<number>
  /** Ends the session that an access token belongs to. */
  endSessionOf(accessToken: string): Promise<void>
  endSessionsOf(userId: string): Promise<void>
  disableUser(userId: string): Promise<void>
}

/** What every user signs in with. */
export const PASSWORD = 'correct-horse-battery-staple'

export async function openOperator(address: string, secret: string): Promise<Operator> {
  let authorization = ''
  const send = async (method: string, path: string, body?: unknown) => {
    const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    const answer = await fetch(`${address}${path}`, {
      method,
      headers: { authorization, ...json },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? {} : JSON.parse(text)
  }
  const introspect = (token: string) => form(`${address}/introspect`, { token }, { authorization })
  // A client's first token speaks for the moment at which the client was last read.
  await until('the operator\'s token is good', async () => {
    const { body } = await form(`${address}/token`, {
      grant_type: 'client_credentials', scope: 'admin revocations:read', client_id: 'admin', client_secret: secret,
    })
    authorization = `Bearer ${body.access_token}`
    return (await introspect(String(body.access_token))).body.active === true
  })
  const sessionsOf = async (id: string): Promise<unknown[]> =>
    (await send('GET', `/admin/users/${id}/sessions`)).sessions
  return {
    addUser: async (username) => (await send('POST', '/admin/users', { username, password: PASSWORD })).id,
    async addApp(id, policy = {}) {
      const usual = { first_party: true, scope: 'openid account offline_access' }
      await send('POST', '/admin/clients', { id, name: id, confidential: false, policy: { ...usual, ...policy } })
    },
    isActive: async (accessToken) => (await introspect(accessToken)).body.active === true,
    async sessionLives(accessToken) {
      const found = await send('GET', `/admin/sessions/${claimsOf(accessToken).sid}`)
      return (found.ended_at ?? null) === null
    },
    countSessions: async (userId) => (await sessionsOf(userId)).length,
    endSessionOf: async (accessToken) => void (await send('DELETE', `/admin/sessions/${claimsOf(accessToken).sid}`)),
    endSessionsOf: async (userId) => void (await send('DELETE', `/admin/users/${userId}/sessions`)),
    disableUser: async (userId) => void (await send('POST', `/admin/users/${userId}/disable`)),
  }
}

/** Sends a form, past the client and whatever stands in front of the server. */
export async function form(url: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  const answer = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(fields) })
  const text = await answer.text()
  const body = (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>
  return { status: answer.status, body, text }
}

/** The claims of a token, unverified. */
export function claimsOf(accessToken: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString())
}
