/** What a browser brings to the client: its storage, its windows, and word of what happens. */
import { sseEvents } from '@menshen/client/push'
import { indexedDbStorage, webBroadcast, webLock } from '@menshen/client/storage-web'
import { expoWebBrowser, type Watch } from '@menshen/react-native'
import * as WebBrowser from 'expo-web-browser'

// In the window in which somebody has signed in: hands the answer to the app, and closes.
WebBrowser.maybeCompleteAuthSession()

const front: Watch = (client) => {
  const look = () => void (document.visibilityState === 'visible' && client.foreground())
  const online = () => void client.online()
  document.addEventListener('visibilitychange', look)
  window.addEventListener('online', online)
  return () => {
    document.removeEventListener('visibilitychange', look)
    window.removeEventListener('online', online)
  }
}

const storage = indexedDbStorage(indexedDB)

/** Options of the client. */
export const device = {
  storage,
  outboxStorage: storage,
  events: sseEvents((url, init) => fetch(url, init)),
  broadcast: webBroadcast(),
  lock: webLock(),
  watch: [front],
}

export const browser = expoWebBrowser(WebBrowser)

/** What this device is called in the list of devices. */
export function nameOfDevice(): string {
  const agent = navigator.userAgent
  const browser = ['Edg', 'Firefox', 'Chrome', 'Safari'].find((name) => agent.includes(`${name}/`))
  const systems: [RegExp, string][] = [
    [/iPhone|iPad/, 'iOS'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/Mac OS/, 'macOS'], [/Linux/, 'Linux'],
  ]
  const system = systems.find(([mark]) => mark.test(agent))?.[1]
  return [browser === 'Edg' ? 'Edge' : browser ?? 'Browser', system].filter(Boolean).join(' · ')
}
