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
    socket.onerror = (event) => close(statusIn(String(event?.message)))
    return () => close()
  })
}

/**
 * React Native says the status of a refused upgrade in the message, and nowhere else: Android after `Expected
 * HTTP 101 response but was`, iOS after `received bad response code from server`.
 */
function statusIn(message: string): number | undefined {
  const match = /(?:\bwas '?|\bserver:? )(\d{3})\b/.exec(message)
  return match ? Number(match[1]) : undefined
}
