import type { AuthClient } from './client.js'
import { originOf, type AuthFetchOptions } from './fetch.js'

/** The part of an axios instance that is used. */
export interface AxiosLike {
  defaults: { baseURL?: string }
  interceptors: {
    request: { use(onFulfilled: (config: any) => any): number; eject(id: number): void }
    response: { use(onFulfilled: undefined, onRejected: (error: any) => any): number; eject(id: number): void }
  }
  request(config: any): Promise<any>
}

const TRIED = Symbol.for('menshen.tried')

/**
 * Puts the access token on the requests of an axios instance to `origins`; a 401 leads to one refresh,
 * shared by all instances of this client, and one more try. The answer takes both out again.
 */
export function authAxios(client: AuthClient, axios: AxiosLike, { origins }: AuthFetchOptions): () => void {
  const allowed = new Set(origins.map((origin) => origin.replace(/\/$/, '').toLowerCase()))
  const isOurs = (config: { url?: string; baseURL?: string }) => {
    const base = config.baseURL ?? axios.defaults.baseURL
    const absolute = originOf(config.url ?? '') ?? (base === undefined ? undefined : originOf(base))
    // `//host/path` names a host of its own.
    return absolute !== undefined && !/^[\\/]{2}/.test(config.url ?? '') && allowed.has(absolute)
  }
  const request = axios.interceptors.request.use(async (config) => {
    if (!isOurs(config)) return config
    const token = await client.getAccessToken({ refused: config[TRIED] })
    config.headers.set('authorization', `Bearer ${token}`)
    return config
  })
  const response = axios.interceptors.response.use(undefined, (error) => {
    const config = error?.config
    const sent = /^Bearer (.*)$/.exec(String(config?.headers?.get?.('authorization') ?? ''))?.[1]
    const once = error?.response?.status === 401 && sent !== undefined && config[TRIED] === undefined
    const streamed = typeof config?.data?.pipe === 'function' || typeof config?.data?.getReader === 'function'
    if (!once || streamed || !isOurs(config)) throw error
    return axios.request({ ...config, [TRIED]: sent })
  })
  return () => {
    axios.interceptors.request.eject(request)
    axios.interceptors.response.eject(response)
  }
}
