/** The user's sessions on other devices, by Menshen's account API. */
import type { Context } from './context.js'
import { AuthError } from './errors.js'
import { claimsOf } from './id-token.js'
import type { Tokens } from './tokens.js'
import { encode, failure, textIn, type Answer, type Fields } from './wire.js'

/** A session of the same user, on whichever device. */
export interface RemoteSession {
  id: string
  /** Whether it is the one of this device. */
  current: boolean
  device?: string
  /** Such as `ios`. */
  platform?: string
  /** Where it was begun from. */
  address?: string
  /** RFC 3339. */
  createdAt?: string
  lastSeenAt?: string
}

export interface Account {
  list(): Promise<RemoteSession[]>
  /** Ends one; whether it was the one of this device. */
  revoke(id: string): Promise<boolean>
  revokeOthers(): Promise<void>
  revokeAll(): Promise<void>
}

const MIN_TTL_MS = 30_000
/** More sessions than anybody has. */
const MOST_PAGES = 50

export function openAccount({ settings, state, wire }: Context, tokens: Tokens): Account {
  async function send(method: string, path: string, form?: (refreshToken?: string) => Fields): Promise<Answer> {
    let refused: string | undefined
    for (;;) {
      const { accessToken, refreshToken, ending } = await tokens.fresh(refused ? 0 : MIN_TTL_MS, refused)
      if (!ending.handle) throw new AuthError('config', 'other sessions are seen and ended with Menshen only')
      const headers = { authorization: `Bearer ${accessToken}` }
      const answer = await wire(method, accountOf(settings.issuer) + path, form?.(refreshToken), { headers })
      if (answer.status >= 200 && answer.status < 300) return answer
      if (answer.status !== 401 || refused) throw failure(answer)
      refused = accessToken
    }
  }

  /** A token that outlives the browser's session does not say which one it is; the ID token does. */
  const ownId = () => claimsOf(state.session?.idToken)?.sid ?? claimsOf(state.session?.accessToken)?.sid

  async function list(): Promise<RemoteSession[]> {
    const found: RemoteSession[] = []
    let after: string | undefined = ''
    for (let page = 0; page < MOST_PAGES && after !== undefined; page++) {
      const { body } = await send('GET', `/sessions${after && `?${encode({ after })}`}`)
      for (const value of Array.isArray(body.sessions) ? body.sessions : []) found.push(read({ ...value }, ownId()))
      after = textIn(body, 'next')
    }
    return found
  }

  async function revoke(id: string): Promise<boolean> {
    const isOwn = id === ownId()
    await send('DELETE', `/sessions/${encodeURIComponent(id)}`)
    return isOwn
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
    },
    revokeAll: async () => void (await send('POST', '/logout', (token) => ({ token, depth: 'everywhere' }))),
  }
}

/** Where Menshen's account API is. */
export const accountOf = (issuer: string) => `${issuer.replace(/\/$/, '')}/account`

/** A session that ended by itself meanwhile has ended. */
function unlessGone(error: AuthError): void {
  if (error.status !== 404) throw error
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
