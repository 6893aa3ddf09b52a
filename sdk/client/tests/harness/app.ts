/** An app on a device: a client of a server, with what tests want to look at. */
import { menshenAccount } from '../../src/account.js'
import { createAuthClient, type AuthClient, type AuthClientOptions, type AuthEvent } from '../../src/index.js'
import { openDevice, type Device } from './device.js'
import { PASSWORD } from './operator.js'
import type { Proxy } from './proxy.js'
import type { Server } from './server.js'

export interface App {
  readonly client: AuthClient
  readonly device: Device
  /** What the client has told, in order. */
  readonly events: AuthEvent[]
  /** Those of one kind. */
  told<T extends AuthEvent['type']>(type: T): Extract<AuthEvent, { type: T }>[]
  signIn(username: string): Promise<void>
}

/** The scope that apps of these tests ask for. */
export const SCOPE = 'openid account offline_access'

export interface AppOptions extends Partial<AuthClientOptions> {
  /** The device it runs on: a new one, or that of an earlier app, whose storage it then finds. */
  device?: Device
  /** What stands between it and the server. */
  proxy?: Proxy
}

/** Starts an app. */
export function openApp(server: Server, { device = openDevice(), proxy, ...options }: AppOptions = {}): App {
  const client = createAuthClient({
    issuer: server.issuer,
    clientId: 'app',
    scope: SCOPE,
    account: menshenAccount,
    fetch: (url, init) => fetch(proxy ? url.replace(server.issuer, proxy.url) : url, init),
    ...device.storages(),
    ...options,
  })
  const events: AuthEvent[] = []
  client.on((event) => events.push(event))
  return {
    client,
    device,
    events,
    told: <T extends AuthEvent['type']>(type: T) =>
      events.filter((event): event is Extract<AuthEvent, { type: T }> => event.type === type),
    signIn: async (username) => void (await client.signIn.password({ username, password: PASSWORD })),
  }
}
