/** The token on the requests of a `fetch`. */
import { openOrigins, type AuthFetchOptions, type TokenSource } from './origin.js'

export type { AuthFetchOptions, TokenSource } from './origin.js'

/** A `fetch`, as each runtime has it: an address, a `URL` or a `Request`, and how to send it. */
export type FetchLike = (input: any, init?: any) => Promise<{ readonly status: number }>

/** What a call of `fetch` may look like. */
type Input = string | { href: string } | { url: string; headers: unknown; clone(): unknown }
interface Init {
  headers?: unknown
  body?: unknown
}

/**
 * Wraps a `fetch`: requests to `origins` carry the access token, unless they bring an `Authorization`
 * of their own; a 401 leads to one refresh, shared by all, and one more try, unless the body can be read
 * only once. Everything else of the call, and every other call, passes through untouched.
 *
 * A redirect is followed by the platform. To another origin it leaves `Authorization` behind, as the
 * Fetch standard says; where yours does not, send `redirect: 'manual'`.
 *
 * @throws {AuthError} `config` when an origin is none. The wrapped `fetch` rejects with what
 * `getAccessToken` throws when there is no token to send.
 */
export function authFetch<F extends FetchLike>(client: TokenSource, fetch: F, options: AuthFetchOptions): F {
  const isOurs = openOrigins(options)
  const wrapped = async (input: Input, init?: Init) => {
    const request = typeof input === 'object' && 'clone' in input ? input : undefined
    const headers = init?.headers ?? request?.headers
    const address = request?.url ?? (typeof input === 'object' && 'href' in input ? input.href : String(input))
    if (!isOurs(address) || hasAuthorization(headers)) return fetch(input, init)
    // What is sent is what was looked at, whatever the caller does with it while there is no token yet.
    const rest = { ...init, headers: copyOf(headers) }
    const token = await client.getAccessToken()
    // A body that is sent once is gone: the copy is for the second time.
    const again = request?.clone() ?? address
    const send = (what: unknown, bearer: string) => fetch(what, { ...rest, headers: withToken(rest.headers, bearer) })
    const answer = await send(request ?? address, token)
    if (answer.status !== 401 || !isReplayable(rest.body)) return answer
    const next = await client.getAccessToken({ refused: token })
    void (answer as { body?: { cancel?(): Promise<void> } }).body?.cancel?.().catch(() => undefined)
    return send(again, next)
  }
  return wrapped as F
}

/** A stream can be read once; everything else that `fetch` takes can be read again. */
function isReplayable(body: unknown): boolean {
  if (typeof body !== 'object' || body === null) return typeof body !== 'function'
  return !('getReader' in body || 'pipe' in body || 'next' in body || Symbol.asyncIterator in body)
}

function hasAuthorization(headers: unknown): boolean {
  return namesOf(headers).some((name) => name.toLowerCase() === 'authorization')
}

function namesOf(headers: unknown): string[] {
  if (Array.isArray(headers)) return headers.map(([name]) => String(name))
  if (isHeaders(headers)) {
    const names: string[] = []
    headers.forEach((_, name) => names.push(name))
    return names
  }
  return Object.keys(headers ?? {})
}

/** The headers as they are now: pairs as pairs, and all others as an object. */
function copyOf(headers: unknown): string[][] | object {
  if (Array.isArray(headers)) return headers.map((pair) => [...pair])
  if (!isHeaders(headers)) return { ...(headers as object | undefined) }
  const flat: Record<string, string> = {}
  headers.forEach((value, name) => { flat[name] = value })
  return flat
}

function withToken(headers: string[][] | object, token: string): unknown {
  const bearer = `Bearer ${token}`
  return Array.isArray(headers) ? [...headers, ['authorization', bearer]] : { ...headers, authorization: bearer }
}

function isHeaders(headers: unknown): headers is { forEach(each: (value: string, name: string) => void): void } {
  return typeof (headers as { forEach?: unknown } | undefined)?.forEach === 'function'
}
