export { createAuthClient } from './client.js'
export type {
  AuthClient, AuthClientOptions, RemoteSession, Session, SignOutScope,
} from './client.js'
export { AuthError, isAuthError } from './errors.js'
export type { AuthErrorCode, AuthErrorDetails, SignInChallenge } from './errors.js'
export type { AuthEvent, Listener, SignedOutReason, Status } from './events.js'
export { authFetch } from './fetch.js'
export type { AuthFetchOptions, FetchLike, RequestOptions } from './fetch.js'
export type { Crypto } from './pkce.js'
export type { OidcRequest, PasswordRequest } from './signin.js'
export type { SignOutResult } from './signout.js'
export type { OutboxStorage, SessionStorage } from './storage.js'
export type { Fetch, FetchAnswer, FetchInit } from './wire.js'
