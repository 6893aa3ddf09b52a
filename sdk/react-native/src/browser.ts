/** The system's browser, for `client.signIn.oidc` and for the end of the browser's own session. */
import { AuthError } from '@menshen/client'
import { systemBrowser, type Browser } from '@menshen/client/browser'

/** What becomes of a sign-in in the browser. */
export interface BrowserResult {
  /** `success`, or why there is no address: `cancel`, `dismiss`, `locked`. */
  type: string
  url?: string
}

/** The part of `expo-web-browser` that is used. */
export interface ExpoWebBrowserModule {
  openAuthSessionAsync(address: string, redirectUri: string, options?: any): Promise<BrowserResult>
}

/** The part of `react-native-inappbrowser-reborn` that is used. */
export interface InAppBrowserModule {
  openAuth(address: string, redirectUri: string, options?: any): Promise<BrowserResult>
}

export interface BrowserOptions {
  /**
   * iOS: a browser that knows nobody and forgets everybody: no question whether the app may sign in, and
   * no cookie that would sign the next person in as the last one. `false` by default.
   */
  ephemeral?: boolean
}

/**
 * `client.signIn.oidc({ redirectUri, browser: expoWebBrowser(WebBrowser) })` after
 * `import * as WebBrowser from 'expo-web-browser'`. A browser that is closed is `cancelled`. On the web, the
 * page at `redirectUri` must call `WebBrowser.maybeCompleteAuthSession()`.
 */
export function expoWebBrowser(
  module: ExpoWebBrowserModule,
  { ephemeral = false }: BrowserOptions = {},
): Browser {
  return systemBrowser(async (address) =>
    answer(await module.openAuthSessionAsync(address, redirectUriOf(address), { preferEphemeralSession: ephemeral })))
}

/** As {@link expoWebBrowser}, with `InAppBrowser` of `react-native-inappbrowser-reborn`. */
export function inAppBrowser(
  module: InAppBrowserModule,
  { ephemeral = false }: BrowserOptions = {},
): Browser {
  return systemBrowser(async (address) =>
    answer(await module.openAuth(address, redirectUriOf(address), {
      ephemeralWebSession: ephemeral,
      // Android: the tab must not stay in front of the app that it has led back to.
      forceCloseOnRedirection: true,
      showInRecents: true,
    })))
}

function answer({ type, url }: BrowserResult): string {
  if (type === 'success' && url) return url
  throw new AuthError('cancelled', type === 'locked' ? 'a browser is open already' : 'the browser was closed')
}

/** Where the address leads back to: after a sign-in, or after a sign-out in the browser. */
function redirectUriOf(address: string): string {
  const found = /[?&](?:redirect_uri|post_logout_redirect_uri)=([^&#]*)/.exec(address)?.[1]
  if (found === undefined) throw new AuthError('config', 'the address leads back to nowhere')
  return decodeURIComponent(found.replace(/\+/g, ' '))
}
