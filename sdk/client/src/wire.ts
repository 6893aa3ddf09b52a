/** What goes over the wire. The names of OAuth, with underscores, live here alone. */
import { AuthError } from './errors.js'

/** The part of `fetch` that is used. A runtime without one brings a function of its own. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>

export interface FetchInit {
  method: string
  headers: Record<string, string>
  body?: string
  signal?: AbortSignal
}

export interface FetchAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  text(): Promise<string>
}

export interface Wire {
  /** Sends a form; the answer whatever its status. */
  form(url: string, fields: Fields, more?: More): Promise<Answer>
  /** Sends a request without body. */
  ask(method: string, url: string, more?: More): Promise<Answer>
}

export type Fields = Record<string, string | undefined>

export interface More {
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface Answer {
  status: number
  body: Record<string, unknown>
  retryAfterMs?: number
}

export function openWire(fetch: Fetch, timeoutMs: number): Wire {
  async function send(url: string, init: FetchInit, more: More): Promise<Answer> {
    const ours = new AbortController()
    let late = false
    const timer = setTimeout(() => {
      late = true
      ours.abort()
    }, timeoutMs)
    const cancel = () => ours.abort()
    more.signal?.addEventListener('abort', cancel)
    // A transport that ignores the signal is left behind all the same.
    const aborted = new Promise<never>((_, reject) => {
      ours.signal.addEventListener('abort', () => reject(new Error('aborted')))
    })
    try {
      if (more.signal?.aborted) ours.abort()
      const work = fetch(url, { ...init, signal: ours.signal }).then(async (answer) => ({
        status: answer.status,
        body: object(await answer.text()),
        retryAfterMs: retryAfter(answer.headers.get('retry-after')),
      }))
      return await Promise.race([work, aborted])
    } catch (cause) {
      if (late) throw new AuthError('timeout', `no answer within ${timeoutMs} ms`, { cause })
      if (more.signal?.aborted) throw new AuthError('cancelled', 'called off', { cause })
      throw new AuthError('network', 'the server could not be reached', { cause })
    } finally {
      clearTimeout(timer)
      more.signal?.removeEventListener('abort', cancel)
    }
  }

  return {
    form: (url, fields, more = {}) => send(url, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        ...more.headers,
      },
      body: encode(fields),
    }, more),
    ask: (method, url, more = {}) =>
      send(url, { method, headers: { accept: 'application/json', ...more.headers } }, more),
  }
}

/** As `application/x-www-form-urlencoded`; `URLSearchParams` is not everywhere. */
export function encode(fields: Fields): string {
  return Object.entries(fields)
    .filter((field): field is [string, string] => field[1] !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&')
}

/** The query of an address, decoded; a name that comes twice is refused. */
export function queryOf(address: string): Map<string, string> {
  const query = /\?([^#]*)/.exec(address)?.[1] ?? ''
  const found = new Map<string, string>()
  for (const pair of query.split('&').filter(Boolean)) {
    const [name = '', value = ''] = pair.split('=').map((part) => decodeURIComponent(part.replace(/\+/g, ' ')))
    if (found.has(name)) throw new AuthError('config', `${name} came back twice`)
    found.set(name, value)
  }
  return found
}

/** The error that an answer stands for. */
export function failure(answer: Answer): AuthError {
  const { status, body, retryAfterMs } = answer
  const text = (name: string) => (typeof body[name] === 'string' ? body[name] : undefined)
  const message = text('error_description') ?? text('error') ?? `the server answered ${status}`
  const details = {
    status,
    retryAfterMs,
    reason: text('reason'),
    reasonDescription: text('reason_description'),
  }
  if (status === 429) return new AuthError('rate_limited', message, details)
  if (status >= 500 || status === 408 || !text('error')) return new AuthError('server', message, details)
  switch (text('error')) {
    case 'invalid_grant':
      return new AuthError(details.reason ? 'session_revoked' : 'invalid_grant', message, details)
    case 'access_denied':
      return new AuthError('cancelled', message, details)
    case 'temporarily_unavailable':
    case 'server_error':
      return new AuthError('server', message, details)
    case 'insufficient_authorization': {
      const authSession = text('auth_session')
      const methods = Array.isArray(body.methods) ? body.methods.map(String) : []
      const challenge = authSession === undefined ? undefined : { authSession, methods }
      return new AuthError('insufficient_authorization', message, { ...details, challenge })
    }
    case 'invalid_token':
      return new AuthError('session_revoked', message, details)
    default:
      return new AuthError('config', message, details)
  }
}

function object(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function retryAfter(value: string | null): number | undefined {
  const seconds = value === null ? NaN : Number(value)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}
