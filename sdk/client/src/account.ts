/** The user's sessions on other devices, by Menshen's account API: only who shows them loads it. */
import { AuthError, claimsOf, encode, failure, textIn } from './core.js'
import type { Accounted, OpenAccount, RemoteSession, SessionTokens } from './sessions.js'

export type { Account, Accounted, OpenAccount, RemoteSession, SessionTokens } from './sessions.js'

/** More sessions than anybody has. */
const MOST_PAGES = 50

/** For the option `account`: the user's sessions, at Menshen. */
export const menshenAccount: OpenAccount = (accounted) => {
  const request = (...what: Request) => ask(accounted, what)

  async function list(): Promise<RemoteSession[]> {
    const found: RemoteSession[] = []
    let after: string | undefined = ''
    for (let page = 0; page < MOST_PAGES && after !== undefined; page++) {
      const { body, session } = await request('GET', `/sessions${after && `?${encode({ after })}`}`)
      for (const value of Array.isArray(body.sessions) ? body.sessions : []) found.push(read({ ...value }, idOf(session)))
      after = textIn(body, 'next')
    }
    return found
  }

  async function revoke(id: string): Promise<boolean> {
    const { session } = await request('DELETE', `/sessions/${encodeURIComponent(id)}`)
    return id === idOf(session)
  }

  return {
    list,
    revoke,
    async revokeOthers() {
      const all = await list()
      if (!all.some(({ current }) => current)) {
        throw new AuthError('config', 'nothing says which session is this one: add openid to the scope')
      }
      for (const { id, current } of all) {
        if (!current) await revoke(id).catch(unlessGone)
      }
      return false
    },
    async revokeAll() {
      const { body } = await request('POST', '/logout', ({ refreshToken }) => ({ token: refreshToken, depth: 'everywhere' }))
      if (!body.ended) throw new AuthError('server', 'whoever has answered has ended nothing')
      return true
    },
  }
}

type Request = [method: string, path: string, form?: (session: SessionTokens) => Record<string, string | undefined>]

/** Sends a request with an access token, and once more with another one when that is refused. */
async function ask({ issuer, fresh, send }: Accounted, request: Request, refused?: string) {
  const [method, path, form] = request
  const session = await fresh(refused)
  if (!session.ending.handle) throw new AuthError('config', 'other sessions are seen and ended with Menshen only')
  const headers = { authorization: `Bearer ${session.accessToken}` }
  const answer = await send(method, `${issuer.replace(/\/$/, '')}/account${path}`, form?.(session), { headers })
  if (answer.isOk) return { ...answer, session }
  if (answer.status !== 401 || refused) throw failure(answer)
  return ask({ issuer, fresh, send }, request, session.accessToken)
}

/** A token that outlives the browser's session does not say which one it is; the ID token does. */
const idOf = ({ idToken, accessToken }: SessionTokens) => claimsOf(idToken)?.sid ?? claimsOf(accessToken)?.sid

/** A session that ended by itself meanwhile has ended; a route that is not there has ended none. */
function unlessGone(error: AuthError): void {
  if (error.status !== 404 || error.code !== 'config') throw error
}

function read(found: Record<string, unknown>, own: unknown): RemoteSession {
  const id = String(found.id)
  return {
    id,
    current: found.current === true || id === own,
    device: textIn(found, 'device_name'),
    platform: textIn(found, 'platform'),
    address: textIn(found, 'address'),
    createdAt: textIn(found, 'created_at'),
    lastSeenAt: textIn(found, 'last_seen_at'),
  }
}
