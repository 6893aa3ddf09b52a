/** What goes over the wire. An answer is believed in nothing but what was looked at. */
import { ambient } from './ambient.js'
import type { Clock } from './clock.js'
import { AuthError, isAuthError, type AuthErrorCode } from './errors.js'

/** The part of `fetch` that is used. A runtime without one brings a function of its own. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchAnswer>

/** What a transport is asked to send. */
export interface FetchInit {
  method: string
  headers: Record<string, string>
  body?: string
  /** Aborted when the answer is of no use any more, where the runtime has an `AbortController`. */
  signal?: AbortSignal
  /** No cookies: what the provider needs to know is in the request. */
  credentials: 'omit'
  /** Tokens follow no redirect, where the transport heeds this; React Native's own `fetch` does not. */
  redirect: 'error'
}

/** What a transport answers. */
export interface FetchAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null | undefined }
  text(): Promise<string>
}

/** Sends a request, with a form where there are fields; the answer whatever its status. */
export type Wire = (method: string, url: string, fields?: Fields, more?: More) => Promise<Answer>

/** Parameters of a request; those that are `undefined` are left out. */
export type Fields = Record<string, string | undefined>

export interface More {
  headers?: Record<string, string>
  /** To call it off with. */
  controller?: Controller
}

export type Controller = ReturnType<typeof openController>

export interface Answer {
  status: number
  /** Whether that is one of success. */
  isOk: boolean
  /** The JSON object of the body; an empty one for anything else. */
  body: Record<string, unknown>
  retryAfterMs?: number
}

/** No server may silence a device for longer. */
const LONGEST_RETRY_AFTER_MS = 3_600_000

export const openController = () => ambient.AbortController && new ambient.AbortController()

export function openWire(fetch: Fetch, clock: Clock, timeoutMs: number): Wire {
  return async (method, url, fields, { headers, controller = openController() } = {}) => {
    const work = async (): Promise<Answer> => {
      const answer = await fetch(url, {
        method,
        headers: {
          accept: 'application/json',
          ...(fields && { 'content-type': 'application/x-www-form-urlencoded' }),
          ...headers,
        },
        body: fields && encode(fields),
        signal: controller?.signal,
        credentials: 'omit',
        redirect: 'error',
      })
      const status = Number(answer.status)
      const body = objectOf(await answer.text())
      return { status, isOk: status >= 200 && status < 300, body, retryAfterMs: retryAfter(answer.headers) }
    }
    try {
      return await clock.within(timeoutMs, work())
    } catch (cause) {
      // A transport that ignores the signal is left behind all the same.
      controller?.abort()
      throw isAuthError(cause) ? cause : new AuthError('network', 'the server could not be reached', { cause })
    }
  }
}

/** As `application/x-www-form-urlencoded`; `URLSearchParams` is not everywhere. */
export function encode(fields: Fields): string {
  return Object.entries(given(fields))
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&')
}

/** Without what is not given. */
export function given<T extends object>(fields: T): { [name in keyof T]: NonNullable<T[name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
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

/**
 * The code of an error, in the answer of an OAuth endpoint or of an API of ours (RFC 6749 section 5.2, RFC 9457).
 * What is not spelled like one, such as `Not Found`, is of somebody in between.
 */
const errorIn = (body: Answer['body']) =>
  /^[a-z_]+$/.exec(textIn(body, 'error') ?? textIn(body, 'code')?.replace(/-/g, '_') ?? '')?.[0]

/** Whether a status is one that OAuth refuses with, 400 or 401; a portal or a firewall bars the way with others. */
export const isFinal = (status: number) => (status | 1) === 401

/** What the errors of OAuth, and of Menshen, mean to an app. */
function codeOf(status: number, error: string | undefined): AuthErrorCode {
  if (status === 429 || error === 'slow_down') return 'rate_limited'
  if (status >= 500 || status === 408 || !error || /^(server_error|temporarily_unavailable)$/.test(error)) return 'server'
  if (/^(access_denied|invalid_(grant|session|token))$/.test(error)) return isFinal(status) ? 'invalid_grant' : 'server'
  return error === 'insufficient_authorization' ? error : 'config'
}

/** The error that an answer stands for. */
export function failure({ status, body, retryAfterMs }: Omit<Answer, 'isOk'>): AuthError {
  const error = errorIn(body)
  const code = codeOf(status, error)
  const reason = textIn(body, 'reason')
  const authSession = textIn(body, 'auth_session')
  const methods = Array.isArray(body.methods) ? body.methods.map(String) : []
  const message = textIn(body, 'error_description') ?? textIn(body, 'detail') ?? error ?? `the server answered ${status}`
  return new AuthError(code === 'invalid_grant' && reason ? 'session_revoked' : code, message, {
    status,
    retryAfterMs,
    reason,
    reasonDescription: textIn(body, 'reason_description'),
    challenge: code === 'insufficient_authorization' && authSession ? { authSession, methods } : undefined,
  })
}

export function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && !Array.isArray(value) ? { ...value } : {}
  } catch {
    return {}
  }
}

/** Seconds (RFC 9110 section 10.2.3). An instant is by a clock that the device does not share, and counts for nothing. */
function retryAfter(headers: FetchAnswer['headers']): number | undefined {
  const ms = Number(headers.get('retry-after')) * 1000
  return ms > 0 ? Math.min(ms, LONGEST_RETRY_AFTER_MS) : undefined
}
