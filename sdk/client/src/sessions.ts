/** The user's sessions on other devices, as the client sees them; `@menshen/client/account` has Menshen's. */

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

/** Opens the list of the user's sessions, for the option `account`. */
export type OpenAccount = (accounted: Accounted) => Account

export interface Account {
  list(): Promise<RemoteSession[]>
  /** Ends one; whether it was the one of this device. */
  revoke(id: string): Promise<boolean>
  /** As above: never. */
  revokeOthers(): Promise<boolean>
  /** As above: always. */
  revokeAll(): Promise<boolean>
}

/** What an account sees of its client. */
export interface Accounted {
  readonly issuer: string
  /** The session, with an access token other than `refused`; rejects when there is none. */
  fresh(refused?: string): Promise<SessionTokens>
  /** Sends a request; the answer whatever its status. */
  send(
    method: string, url: string, fields?: Record<string, string | undefined>, more?: { headers?: Record<string, string> },
  ): Promise<{ status: number; isOk: boolean; body: Record<string, unknown>; retryAfterMs?: number }>
}

/** What a session has that a provider knows it by. */
export interface SessionTokens {
  readonly accessToken: string
  readonly refreshToken?: string
  readonly idToken?: string
  readonly ending: { readonly handle?: string }
}
