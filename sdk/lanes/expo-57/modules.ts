/** The adapters take the real modules as they are: this is compiled, and never run. */
import {
  appState, asyncStorage, createReactNativeClient, expoCrypto, expoWebBrowser, keychain, mmkv, netInfo, secureStore,
} from '@menshen/react-native'
import { webSocketEvents, type WebSocketLike } from '@menshen/client/push'
import AsyncStorage from '@react-native-async-storage/async-storage'
import NetInfo from '@react-native-community/netinfo'
import * as Crypto from 'expo-crypto'
import * as SecureStore from 'expo-secure-store'
import * as WebBrowser from 'expo-web-browser'
import { AppState } from 'react-native'
import * as Keychain from 'react-native-keychain'
import { createMMKV } from 'react-native-mmkv'

export const client = createReactNativeClient({
  issuer: 'https://id.example',
  clientId: 'app',
  storage: secureStore(SecureStore),
  outboxStorage: asyncStorage(AsyncStorage),
  installMarker: asyncStorage(AsyncStorage),
  crypto: expoCrypto(Crypto),
  events: webSocketEvents(WebSocket as unknown as WebSocketLike),
  watch: [appState(AppState), netInfo(NetInfo)],
})

export const storages = [keychain(Keychain), mmkv(createMMKV())]

export const signIn = () =>
  client.signIn.oidc({ redirectUri: 'com.example.app:/', browser: expoWebBrowser(WebBrowser, { ephemeral: true }) })
