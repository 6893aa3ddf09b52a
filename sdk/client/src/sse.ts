/** The event stream over a `fetch` that streams: browsers, Node, Deno, Bun, Expo. */
import { ambient } from './core.js'
import { watchOver } from './push.js'
import type { OpenWatch } from './watch.js'

/** The part of a streaming `fetch` that is used. */
export type StreamingFetch = (url: string, init: {
  headers: Record<string, string>
  signal?: AbortSignal
  credentials: 'omit'
  redirect: 'error'
  cache: 'no-store'
}) => Promise<{
  readonly status: number
  readonly body: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array }>; cancel(): Promise<void> } } | null
}>

/** The server lets itself be heard every 15 s; silence three times as long is a dead line. */
const SILENCE_MS = 45_000

/**
 * For the option `events`, in runtimes whose `fetch` streams and which have `TextDecoder`. React
 * Native's own does not: use {@link webSocketEvents} there.
 */
export function sseEvents(fetch: StreamingFetch): OpenWatch {
  return watchOver(({ url, headers, onEvent, onClose, later }) => {
    const controller = ambient.AbortController && new ambient.AbortController()
    let calm = () => {}
    let isClosed = false
    const close = (status?: number) => {
      if (isClosed) return
      isClosed = true
      calm()
      controller?.abort()
      onClose(status)
    }
    const heard = () => {
      calm()
      calm = later(SILENCE_MS, close)
    }

    async function run(): Promise<number | undefined> {
      heard()
      const answer = await fetch(url, {
        headers: { accept: 'text/event-stream', ...headers },
        signal: controller?.signal,
        credentials: 'omit',
        redirect: 'error',
        cache: 'no-store',
      })
      const reader = answer.body?.getReader()
      if (answer.status !== 200 || !reader || !ambient.TextDecoder) return answer.status
      const decoder = new ambient.TextDecoder()
      const parse = eventParser(onEvent)
      while (!isClosed) {
        const { done, value } = await reader.read()
        if (done) break
        heard()
        parse(decoder.decode(value, { stream: true }))
      }
      await reader.cancel()
      return answer.status
    }

    void run().then(close, () => close())
    return () => close()
  })
}

/** Reads a stream of events piece by piece (the `text/event-stream` format of the HTML standard). */
export function eventParser(onEvent: (name: string, data: string) => void): (piece: string) => void {
  let rest = ''
  let name = ''
  let data: string[] = []
  return (piece) => {
    // A piece may end between the two characters of one line end.
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) onEvent(name || 'message', data.join('\n'))
        name = ''
        data = []
        continue
      }
      const [, field, value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
      if (field === 'event') name = value
      if (field === 'data') data.push(value)
    }
  }
}
