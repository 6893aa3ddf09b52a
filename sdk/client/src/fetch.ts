import type { AuthClient } from './client.js'

/** The part of a `Request`'s options that matters here. */
export interface RequestOptions {
  method?: string
  headers?: unknown
  body?: unknown
  signal?: unknown
}

/** A `fetch`, as every runtime has it. */
export type FetchLike<Init, Answer> = (url: string, init?: Init) => Promise<Answer>

/** Which requests get the token. */
export interface AuthFetchOptions {
  /** Origins of your APIs, such as `https://api.example.com`. Nobody else ever sees the token. */
  origins: readonly string[]
}

/**
 * Wraps a `fetch`: requests to `origins` carry the access token; a 401 leads to one refresh and one
 * more try, unless the body can be read only once. Everything else passes through untouched.
 */
export function authFetch<Init extends RequestOptions, Answer extends { status: number }>(
  client: AuthClient,
  fetch: FetchLike<Init, Answer>,
  { origins }: AuthFetchOptions,
): FetchLike<Init, Answer> {
  const allowed = new Set(origins.map((origin) => origin.replace(/\/$/, '').toLowerCase()))
  return async (url, init) => {
    const origin = originOf(url)
    if (origin === undefined || !allowed.has(origin)) return fetch(url, init)
    const send = (token: string) => fetch(url, { ...init, headers: withToken(init?.headers, token) } as Init)
    const token = await client.getAccessToken()
    const answer = await send(token)
    if (answer.status !== 401 || !replayable(init?.body)) return answer
    const next = await client.getAccessToken({ refused: token })
    return send(next)
  }
}

/** Scheme, host and port of an absolute address, in lower case; `undefined` for any other. */
export function originOf(url: string): string | undefined {
  const match = /^(https?:\/\/[^/?#\\@\s]+)(?:[/?#]|$)/i.exec(url)
  return match?.[1]?.toLowerCase().replace(/^(http:\/\/.*):80$|^(https:\/\/.*):443$/, '$1$2')
}

function replayable(body: unknown): boolean {
  return body === undefined || body === null || typeof body === 'string' ||
    body instanceof ArrayBuffer || ArrayBuffer.isView(body)
}

function withToken(headers: unknown, token: string): Record<string, string> {
  const flat: Record<string, string> = {}
  const add = (value: string, name: string) => {
    if (name.toLowerCase() !== 'authorization') flat[name] = value
  }
  const iterable = headers as { forEach?: (each: (value: string, name: string) => void) => void } | undefined
  if (Array.isArray(headers)) headers.forEach(([name, value]: [string, string]) => add(value, name))
  else if (typeof iterable?.forEach === 'function') iterable.forEach(add)
  else Object.entries((headers ?? {}) as Record<string, string>).forEach(([name, value]) => add(value, name))
  return { ...flat, authorization: `Bearer ${token}` }
}
