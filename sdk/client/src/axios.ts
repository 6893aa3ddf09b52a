/** The token on the requests of an axios instance. */
import { openOrigins, type AuthFetchOptions, type TokenSource } from './origin.js'

export type { AuthFetchOptions, TokenSource } from './origin.js'

/** The part of an axios instance that is used. */
export interface AxiosLike {
  interceptors: {
    request: { use(onFulfilled: (config: any) => any): number; eject(id: number): void }
    response: {
      use(onFulfilled: (response: any) => any, onRejected: (error: any) => any): number
      eject(id: number): void
    }
  }
  request(config: any): Promise<any>
  getUri(config: any): string
}

/**
 * In a request that is sent again: says which token was refused. Axios keeps no symbols; a function is left
 * out where the request is written down, as an error of axios does.
 */
const REFUSED = 'menshenRefused'

/**
 * Puts the access token on the requests of an axios instance to `origins`, unless they bring an
 * `Authorization` of their own; a 401 leads to one refresh, shared by all instances of this client, and one
 * more try, unless the body is a stream. The answer takes both out again.
 *
 * Axios runs the request interceptors that were added last first: add those that change the address after
 * this, so that it sees what they made of it.
 *
 * @throws {AuthError} `config` when an origin is none.
 */
export function authAxios(client: TokenSource, axios: AxiosLike, options: AuthFetchOptions): () => void {
  const isOurs = openOrigins(options)

  const request = axios.interceptors.request.use(async (config) => {
    const refused: string | undefined = config[REFUSED]?.()
    if (!isOurs(axios.getUri(config)) || (refused === undefined && config.headers.has('authorization'))) return config
    const token = await client.getAccessToken({ refused })
    config.headers.set('authorization', `Bearer ${token}`)
    // An axios that knows `redact` keeps what it names out of the errors that are written down.
    config.redact = [...new Set([...(config.redact ?? []), 'authorization'])]
    // Who else reads the request may change its headers; what was sent is remembered beside them.
    sent.set(config, token)
    return config
  })
  const sent = new WeakMap<object, string>()

  /** Sends a refused request once more; `undefined` for one that must not be. */
  const again = (config: any, status: unknown): Promise<any> | undefined => {
    const token = config && sent.get(config)
    const data = config?.data
    const isStream = typeof data?.pipe === 'function' || typeof data?.getReader === 'function'
    if (status !== 401 || token === undefined || config[REFUSED] !== undefined || isStream) return undefined
    return axios.request({ ...config, [REFUSED]: () => token })
  }

  const response = axios.interceptors.response.use(
    (answer) => again(answer?.config, answer?.status) ?? answer,
    (error) => again(error?.config, error?.response?.status) ?? Promise.reject(error),
  )
  return () => {
    axios.interceptors.request.eject(request)
    axios.interceptors.response.eject(response)
  }
}
