/** What a phone brings to the client: its keychain, its files, its browser, and word of what happens. */
import { webSocketEvents, type WebSocketLike } from '@menshen/client/push'
import { appState, asyncStorage, expoCrypto, expoWebBrowser, netInfo, secureStore } from '@menshen/react-native'
import AsyncStorage from '@react-native-async-storage/async-storage'
import NetInfo from '@react-native-community/netinfo'
import * as Crypto from 'expo-crypto'
import * as SecureStore from 'expo-secure-store'
import * as WebBrowser from 'expo-web-browser'
import { AppState, Platform } from 'react-native'

/** Options of the client. */
export const device = {
  storage: secureStore(SecureStore),
  outboxStorage: asyncStorage(AsyncStorage),
  installMarker: asyncStorage(AsyncStorage),
  events: webSocketEvents(WebSocket as unknown as WebSocketLike),
  crypto: expoCrypto(Crypto),
  watch: [appState(AppState), netInfo(NetInfo)],
}

export const browser = expoWebBrowser(WebBrowser)

/** What this device is called in the list of devices. */
export function nameOfDevice(): string {
  const { Model, interfaceIdiom } = Platform.constants as { Model?: string; interfaceIdiom?: string }
  return Model ?? (interfaceIdiom === 'pad' ? 'iPad' : 'iPhone')
}
