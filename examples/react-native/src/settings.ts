/** Where the servers are, as the build was told, and what a page that was told otherwise says. */
import { Platform } from 'react-native'

export interface Settings {
  /** The provider. */
  issuer: string
  /** The API, as it is reached through the gateway. */
  api: string
  /** This app, as the provider knows it. */
  clientId: string
  /** Where the browser leads back to after a sign-in there. */
  redirectUri: string
}

const built: Settings = {
  issuer: process.env.EXPO_PUBLIC_ISSUER ?? 'http://127.0.0.1:8301',
  api: process.env.EXPO_PUBLIC_API ?? 'http://127.0.0.1:8302',
  clientId: process.env.EXPO_PUBLIC_CLIENT_ID ?? 'tea-house',
  redirectUri: 'com.example.teahouse:/callback',
}

export const settings: Settings = Platform.OS === 'web' ? ofPage() : built

/** One export serves everywhere: the server of the page says where it runs. */
function ofPage(): Settings {
  const told = JSON.parse(document.getElementById('settings')?.textContent ?? '{}') as Partial<Settings>
  return { ...built, redirectUri: `${location.origin}/`, ...told }
}
