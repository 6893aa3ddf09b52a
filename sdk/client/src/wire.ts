/** What goes over the wire. An answer is believed in nothing but what was looked at. */
import { openAbort, type Abort } from './abort.js'
import { ambient, type Timers } from './ambient.js'
import { AuthError } from './errors.js'

/** The part of `fetch` that is used. A runtime without one brings a function of its own. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>

/** What a transport is asked to send. */
export interface FetchInit {
  method: string
  headers: Record<string, string>
  body?: string
  /** Aborted when the time is over, where the runtime has an `AbortController`. */
  signal?: AbortSignal
  /** No cookies: what the provider needs to know is in the request. */
  credentials: 'omit'
  /** Tokens follow no redirect. */
  redirect: 'error'
}

/** What a transport answers. */
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
  abort?: Abort
}

export interface Answer {
  status: number
  /** The JSON object of the body; an empty one for anything else. */
  body: Record<string, unknown>
  retryAfterMs?: number
}

/** No server may silence a device for longer. */
const LONGEST_RETRY_AFTER_MS = 3_600_000

export function openWire(fetch: Fetch, timers: Timers, timeoutMs: number): Wire {
  async function send(url: string, init: Pick<FetchInit, 'method' | 'headers' | 'body'>, abort = openAbort()) {
    const controller = ambient.AbortController && new ambient.AbortController()
    let late = false
    let stop = () => {}
    // A transport that ignores the signal is left behind all the same.
    const stopped = new Promise<never>((_, reject) => {
      stop = () => {
        controller?.abort()
        reject(new Error('stopped'))
      }
    })
    const timer = timers.setTimeout(() => {
      late = true
      stop()
    }, timeoutMs)
    const off = abort.on(stop)
    try {
      if (abort.aborted) stop()
      const work = read(() => fetch(url, { ...init, signal: controller?.signal, credentials: 'omit', redirect: 'error' }))
      return await Promise.race([stopped, work])
    } catch (cause) {
      if (late) throw new AuthError('timeout', `no answer within ${timeoutMs} ms`, { cause })
      if (abort.aborted) throw new AuthError('cancelled', 'called off', { cause })
      throw new AuthError('network', 'the server could not be reached', { cause })
    } finally {
      timers.clearTimeout(timer)
      off()
    }
  }

  const accept = { accept: 'application/json' }
  return {
    form: (url, fields, { headers, abort } = {}) => send(url, {
      method: 'POST',
      headers: { ...accept, 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: encode(fields),
    }, abort),
    ask: (method, url, { headers, abort } = {}) => send(url, { method, headers: { ...accept, ...headers } }, abort),
  }
}

async function read(fetch: () => Promise<FetchAnswer>): Promise<Answer> {
  const answer = await fetch()
  const body = objectOf(await answer.text())
  return { status: Number(answer.status), body, retryAfterMs: retryAfter(answer.headers) }
}

/** As `application/x-www-form-urlencoded`; `URLSearchParams` is not everywhere. */
export function encode(fields: Fields): string {
  return Object.entries(fields)
    .filter((field): field is [string, string] => field[1] !== undefined)
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&')
}

/**
 * The query of an address, decoded.
 *
 * @throws {AuthError} `server` when a name comes twice, or it is no query.
 */
export function queryOf(address: string): Map<string, string> {
  const query = /\?([^#]*)/.exec(address)?.[1] ?? ''
  const found = new Map<string, string>()
  for (const pair of query.split('&').filter(Boolean)) {
    const at = pair.indexOf('=')
    const name = decode(at < 0 ? pair : pair.slice(0, at))
    if (found.has(name)) throw new AuthError('server', 'a parameter came back twice')
    found.set(name, at < 0 ? '' : decode(pair.slice(at + 1)))
  }
  return found
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '))
  } catch {
    throw new AuthError('server', 'what came back is no query')
  }
}

/** The text under a name; whatever else stands there is nothing. */
export function textIn(body: Record<string, unknown>, name: string): string | undefined {
  const value = body[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Whether nobody on the way can read along: `https`, or this very machine. */
export function isSafeAddress(url: string): boolean {
  // 10.0.2.2 is what an Android emulator calls the machine that it runs on.
  return /^https:\/\/|^http:\/\/(localhost|127(\.\d+){3}|\[::1\]|10\.0\.2\.2)(:\d+)?(\/|$)/i.test(url)
}

/** The error that an answer stands for (RFC 6749 section 5.2, RFC 9457). */
export function failure({ status, body, retryAfterMs }: Answer): AuthError {
  const error = textIn(body, 'error') ?? textIn(body, 'code')
  const message = textIn(body, 'error_description') ?? textIn(body, 'detail') ?? error ?? `the server answered ${status}`
  const details = {
    status,
    retryAfterMs,
    reason: textIn(body, 'reason'),
    reasonDescription: textIn(body, 'reason_description'),
  }
  if (status === 429 || error === 'slow_down') return new AuthError('rate_limited', message, details)
  if (status >= 500 || status === 408 || !error) return new AuthError('server', message, details)
  switch (error) {
    case 'access_denied':
      return new AuthError('invalid_grant', message, details)
    case 'invalid_grant':
    case 'invalid_token':
    case 'invalid-token':
      return new AuthError(details.reason ? 'session_revoked' : 'invalid_grant', message, details)
    case 'temporarily_unavailable':
    case 'server_error':
      return new AuthError('server', message, details)
    case 'insufficient_authorization': {
      const authSession = textIn(body, 'auth_session')
      const methods = Array.isArray(body.methods) ? body.methods.filter((method) => typeof method === 'string') : []
      const challenge = authSession === undefined ? undefined : { authSession, methods }
      return new AuthError('insufficient_authorization', message, { ...details, challenge })
    }
    default:
      return new AuthError('config', message, details)
  }
}

export function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Seconds, or an instant, which is measured by the server's own clock (RFC 9110 section 10.2.3). */
function retryAfter(headers: FetchAnswer['headers']): number | undefined {
  const value = headers.get('retry-after')
  if (!value) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.parse(headers.get('date') ?? '')
  return ms >= 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : undefined
}
