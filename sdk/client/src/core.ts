/** What the entries of this package share: one file in `dist`, so that there is one `AuthError`. */
export { ambient } from './ambient.js'
export { createAuthClient } from './client.js'
export { AuthError, isAuthError } from './errors.js'
export { claimsOf } from './id-token.js'
export { randomText } from './pkce.js'
export { encode, failure, objectOf, textIn } from './wire.js'
