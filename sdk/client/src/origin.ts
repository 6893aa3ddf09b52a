/** Which addresses get the token: those whose origin is on the list, and nothing that only looks so. */
import { ambient, AuthError } from './core.js'

/** Where tokens come from: an `AuthClient`. */
export interface TokenSource {
  getAccessToken(options?: { refused?: string }): Promise<string>
}

/** Which requests get the token. */
export interface AuthFetchOptions {
  /** Origins of your APIs, such as `https://api.example.com`. Nobody else ever sees the token. */
  origins: readonly string[]
}

/**
 * Whether an address is one of `origins`. An address without a host of its own belongs to the page, where
 * there is one. Whatever is spelled in another way than an origin is (user and password, a dot at
 * the end, a backslash, an escape) is not on the list, whatever it would lead to.
 *
 * @throws {AuthError} `config` when an origin is none.
 */
export function openOrigins({ origins }: AuthFetchOptions): (address: string) => boolean {
  const allowed = new Set(origins.map((text) => {
    const origin = originOf(text)
    if (!origin || !/^https?:\/\/[^/]+\/?$/i.test(text)) throw new AuthError('config', `${text} is no origin`)
    return origin
  }))
  return (address) => {
    const page = ambient.document?.baseURI
    const isPath = /^\/(?![/\\])[^\s\\]*$/.test(address)
    const origin = originOf(isPath && page ? page : address)
    return origin !== undefined && allowed.has(origin)
  }
}

/** Scheme, host and port of an absolute address, in lower case; `undefined` for any other. */
export function originOf(address: string): string | undefined {
  const match = /^(https?:\/\/[^/?#\\@\s]+)(?:[/?#]|$)/i.exec(address)
  return match?.[1]?.toLowerCase().replace(/^(http:\/\/.*):80$|^(https:\/\/.*):443$/, '$1$2')
}
