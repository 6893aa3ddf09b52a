/** The user's sessions on other devices, by Menshen's account API. */
import type { Context } from './context.js'
import { AuthError } from './errors.js'
import { claimsOf } from './id-token.js'
import type { Tokens } from './tokens.js'
import { failure, objectOf, textIn, type Answer } from './wire.js'

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
  async function send(method: string, path: string, form?: (refreshToken?: string) => Record<string, string | undefined>): Promise<Answer> {
    if (state.session && state.session.ending.kind !== 'handle') {
      throw new AuthError('config', 'this provider has no account API: it takes Menshen to list or end other sessions')
    }
    const url = `${settings.issuer.replace(/\/$/, '')}/account${path}`
    const attempt = async (refused?: string) => {
      const { accessToken, refreshToken } = await tokens.fresh(refused === undefined ? MIN_TTL_MS : 0, refused)
      const headers = { authorization: `Bearer ${accessToken}` }
      const answer = form ? await wire.form(url, form(refreshToken), { headers }) : await wire.ask(method, url, { headers })
      return { answer, accessToken }
    }
    let { answer, accessToken } = await attempt()
    if (answer.status === 401) ({ answer } = await attempt(accessToken))
    if (answer.status < 200 || answer.status >= 300) throw failure(answer)
    return answer
  }

  async function list(): Promise<RemoteSession[]> {
    const found: RemoteSession[] = []
    let after: string | undefined
    for (let page = 0; page < MOST_PAGES; page++) {
      const { body } = await send('GET', `/sessions${after ? `?after=${encodeURIComponent(after)}` : ''}`)
      if (Array.isArray(body.sessions)) found.push(...body.sessions.flatMap((value) => read(value, ownId())))
      after = textIn(body, 'next')
      if (!after) break
    }
    return found
  }

  /** A token that outlives the browser's session does not say which one it is; the ID token does. */
  const ownId = () => claimsOf(state.session?.idToken)?.sid ?? claimsOf(state.session?.accessToken)?.sid

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
        throw new AuthError('config', 'the provider does not say which session is this one: add openid to the scope')
      }
      for (const { id, current } of all) {
        if (!current) await revoke(id).catch(unlessGone)
      }
    },
    async revokeAll() {
      const byToken = state.session?.scope?.split(' ').includes('account')
      await send('POST', '/logout', (token) => ({ depth: 'everywhere', token: byToken ? undefined : token }))
    },
  }
}

/** A session that ended by itself meanwhile has ended. */
function unlessGone(error: AuthError): void {
  if (error.status !== 404) throw error
}

function read(value: unknown, own: unknown): RemoteSession[] {
  const found = objectOf(JSON.stringify(value) ?? '')
  const id = textIn(found, 'id')
  if (id === undefined) return []
  return [{
    id,
    current: found.current === true || id === own,
    device: textIn(found, 'device_name'),
    platform: textIn(found, 'platform'),
    address: textIn(found, 'address'),
    createdAt: textIn(found, 'created_at'),
    lastSeenAt: textIn(found, 'last_seen_at'),
  }]
}
