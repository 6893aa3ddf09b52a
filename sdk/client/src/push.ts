/**
 * The stream of the session's own events: how a sign-out from elsewhere is heard of at once. It is a
 * hint; without it the same is noticed later, on the way back to the app and on any 401.
 */
import { objectOf, textIn } from './core.js'
import type { OpenWatch } from './watch.js'

export { sseEvents } from './sse.js'
export type { StreamingFetch } from './sse.js'
export { webSocketEvents } from './websocket.js'
export type { OpenWatch, Watch, Watched } from './watch.js'
export type { WebSocketLike } from './websocket.js'

/** Opens one stream; the answer closes it. */
export type OpenStream = (request: StreamRequest) => () => void

export interface StreamRequest {
  url: string
  headers: Record<string, string>
  /** An event by its name, and its data as JSON. */
  onEvent(name: string, data: string): void
  /** The stream has ended, whoever ended it and why; with the status, where it is known. Once. */
  onClose(status?: number): void
  /** Runs `work` after so many milliseconds; the answer calls it off. */
  later(ms: number, work: () => void): () => void
}

const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

/** Keeps a stream open as long as there is a session. */
export function watchOver(stream: OpenStream): OpenWatch {
  return (watched) => {
    /** Counts the streams: what an earlier one still says is not heard. */
    let turn = 0
    let failures = 0
    let shut = () => {}

    function close(): void {
      turn++
      const before = shut
      shut = () => {}
      before()
    }

    function open(refused?: string): void {
      close()
      const mine = turn
      connect(mine, refused).catch(() => mine === turn && again())
    }

    /** Comes back after a while, each time a longer one. */
    function again(refused?: string): void {
      close()
      const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS)
      shut = watched.later(longest * (0.5 + watched.random() / 2), () => open(refused))
    }

    async function connect(mine: number, refused?: string): Promise<void> {
      const url = await watched.endpoint()
      if (!url) return
      const { id, accessToken } = await watched.fresh(refused)
      if (mine !== turn) return
      let isReady = false
      shut = stream({
        url,
        headers: { authorization: `Bearer ${accessToken}` },
        later: watched.later,
        onEvent(name, data) {
          if (mine !== turn) return
          if (name === 'ready') {
            isReady = true
            failures = 0
          } else if (name === 'session_ended') {
            close()
            const word = objectOf(data)
            watched.ended(id, textIn(word, 'reason') ?? 'expired', textIn(word, 'reason_description'))
          } else if (name === 'access_token_revoked') {
            // One that is dead from the start is asked about with pauses.
            if (isReady) open(accessToken)
            else again(accessToken)
          }
        },
        onClose(status) {
          if (mine !== turn) return
          // Some runtimes do not say why a stream was not let in; a second refusal is looked into.
          const isRefused = status === 401 || (!isReady && status === undefined && failures % 2 === 1)
          again(isRefused ? accessToken : undefined)
        },
      })
    }

    return {
      reopen() {
        failures = 0
        open()
      },
      close,
    }
  }
}
