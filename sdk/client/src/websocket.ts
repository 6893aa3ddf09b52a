/** The event stream over a WebSocket that sends headers, as React Native's does. */
import { objectOf, textIn } from './core.js'
import { watchOver } from './push.js'
import type { OpenWatch } from './watch.js'

/** The part of React Native's `WebSocket` that is used: headers are its third argument. */
export type WebSocketLike = new (url: string, protocols: string[], options: { headers: Record<string, string> }) => {
  onmessage: ((event: any) => void) | null
  onclose: ((event: any) => void) | null
  onerror: ((event: any) => void) | null
  close(): void
}

/** For the option `events`, in React Native. The WebSocket of a browser sends no headers: use `sseEvents` there. */
export function webSocketEvents(WebSocket: WebSocketLike): OpenWatch {
  return watchOver(({ url, headers, onEvent, onClose }) => {
    const socket = new WebSocket(url.replace(/^http/i, 'ws'), [], { headers })
    let isClosed = false
    const close = (status?: number) => {
      if (isClosed) return
      isClosed = true
      socket.close()
      onClose(status)
    }
    socket.onmessage = ({ data }) => {
      const frame = objectOf(String(data))
      const name = textIn(frame, 'event')
      if (name !== undefined) onEvent(name, JSON.stringify(frame))
    }
    socket.onclose = () => close()
    // React Native says the status of a refused upgrade in the message, and nowhere else.
    socket.onerror = (event) => close(/\b401\b/.test(String(event?.message)) ? 401 : undefined)
    return () => close()
  })
}
