/**
 * What can go wrong, as one closed list. Only `invalid_grant`, `session_revoked` and `signed_out`
 * say that the user is signed out; everything else says nothing about the session.
 */
export type AuthErrorCode =
  /** No answer: offline, a name that does not resolve, a connection that broke. */
  | 'network'
  /** No answer within `timeoutMs`. */
  | 'timeout'
  /** The server answered 5xx, or something that is no answer of its own. */
  | 'server'
  /** The server answered 429; `retryAfterMs` says when to try again. */
  | 'rate_limited'
  /** Wrong user name, password or code, or a sign-in that took too long: begin with the password again. */
  | 'invalid_grant'
  /** More is needed to sign in, such as a one-time code; see `AuthError.challenge`. */
  | 'insufficient_authorization'
  /** The session was ended; `reason` says why. */
  | 'session_revoked'
  /** There is no session, or it ended while the call was under way. */
  | 'signed_out'
  /** The device's storage could not be read or written just now. */
  | 'storage_unavailable'
  /** What the device's storage gave back is not what was put there. */
  | 'storage_corrupt'
  /** The user or the app called it off. */
  | 'cancelled'
  /** The client is set up wrongly; trying again will not help. */
  | 'config'

/** What an {@link AuthError} carries beside its code. */
export interface AuthErrorDetails {
  /** HTTP status of the answer, if there was one. */
  status?: number
  /** The reason a session ended, from the server's closed list (`logout`, `admin`, ...). */
  reason?: string
  /** That reason as a sentence for the user. */
  reasonDescription?: string
  /** After how many milliseconds to try again. */
  retryAfterMs?: number
  /** What the server asks for to go on with a sign-in. */
  challenge?: SignInChallenge
  /** What was thrown underneath. */
  cause?: unknown
}

/** What the server asks for to go on with a sign-in. */
export interface SignInChallenge {
  /** Stands for the part of the sign-in that is done. */
  authSession: string
  /** What would complete it, the best one first: `otp`, `recovery_code`, `mailed_code`. */
  methods: string[]
}

const RETRYABLE = /^(network|timeout|server|rate_limited|storage_unavailable)$/

/** Every error that this package throws. No message and no member holds a token. */
export class AuthError extends Error {
  /** Which one; stable. */
  declare readonly code: AuthErrorCode
  /** Whether the same call may succeed later. */
  declare readonly retryable: boolean
  readonly status?: number
  readonly reason?: string
  readonly reasonDescription?: string
  readonly retryAfterMs?: number
  readonly challenge?: SignInChallenge

  constructor(code: AuthErrorCode, message: string, details?: AuthErrorDetails) {
    super(message)
    Object.assign(this, details, { name: 'AuthError', code, retryable: RETRYABLE.test(code) })
  }
}

/** Whether something thrown is an {@link AuthError}, across copies of this package. */
export function isAuthError(error: unknown): error is AuthError {
  return error instanceof Error && error.name === 'AuthError' && 'code' in error
}
