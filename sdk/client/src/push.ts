/**
 * The stream of the session's own events: how a sign-out from elsewhere is heard of at once. It is a
 * hint; without it the same is noticed later, on the way back to the app and on any 401.
 */
import type { Context } from './context.js'
import type { Tokens } from './tokens.js'
import { objectOf, textIn } from './wire.js'

/** Opens the stream; the answer closes it. */
export type OpenStream = (request: StreamRequest) => () => void

export interface StreamRequest {
  /** Where the stream is, by `https`. */
  url: string
  /** `Authorization`, to be sent along. */
  headers: Record<string, string>
  /** An event by its name, and its data as JSON. */
  onEvent(name: string, data: string): void
  /** The stream has ended, whoever ended it and why; with the status, where it is known. Once. */
  onClose(status?: number): void
  setTimeout(work: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

export interface Push {
  /** Opens the stream for the session that holds, and closes the one of before, alive or not. */
  reopen(): void
  dispose(): void
}

const MIN_TTL_MS = 30_000
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000

export function openPush(context: Context, tokens: Tokens): Push {
  const { settings, state } = context
  const { timers } = settings
  let stream = settings.events
  /** Counts the streams: what an earlier one still says is not heard. */
  let turn = 0
  let isOpen = false
  let shut = () => {}
  let timer: unknown
  let failures = 0

  function close(): void {
    turn++
    isOpen = false
    timers.clearTimeout(timer)
    shut()
    shut = () => {}
  }

  function open(): void {
    if (isOpen || !stream || !state.session) return
    isOpen = true
    const mine = ++turn
    void connect(mine).catch(() => mine === turn && later())
  }

  /** Comes back after a while, each time a longer one. */
  function later(): void {
    close()
    if (!state.session) return
    const longest = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS)
    const [random = 0] = settings.crypto.randomBytes(1)
    timer = timers.setTimeout(open, longest * (0.5 + random / 512))
    ;(timer as { unref?: () => void }).unref?.()
  }

  async function connect(mine: number): Promise<void> {
    const { eventsEndpoint } = await context.discovery()
    if (!eventsEndpoint || !stream) return
    const { accessToken, id } = await tokens.fresh(MIN_TTL_MS)
    if (mine !== turn) return
    let isReady = false
    shut = stream({
      url: eventsEndpoint,
      headers: { authorization: `Bearer ${accessToken}` },
      onEvent(name, data) {
        if (mine !== turn) return
        if (name === 'ready') {
          isReady = true
          failures = 0
        } else if (name === 'session_ended') {
          ended(id, data)
        } else if (name === 'access_token_revoked') {
          void renew(accessToken)
        }
      },
      onClose(status) {
        if (mine !== turn) return
        later()
        // Some runtimes do not say why a stream was not let in; a second refusal is looked into.
        if (status === 401 || (!isReady && status === undefined && failures % 2 === 0)) void renew(accessToken)
      },
      setTimeout: (work, ms) => timers.setTimeout(work, ms),
      clearTimeout: (running) => timers.clearTimeout(running),
    })
  }

  /** Only the session that the stream was opened for: by now there may be another one. */
  function ended(id: string, data: string): void {
    close()
    const word = objectOf(data)
    const reason = textIn(word, 'reason') ?? 'expired'
    if (!state.leave(id, reason, textIn(word, 'reason_description'))) return
    const { storage } = context
    void storage.alone(async () => {
      const stored = await storage.readSession()
      if (stored?.id === id) await storage.removeSession()
    }).catch((error) => state.emit({ type: 'error', error }))
  }

  /** A new access token, or the news that the session is over. */
  async function renew(refused: string): Promise<void> {
    await tokens.fresh(0, refused).then(() => open(), () => undefined)
  }

  function reopen(): void {
    close()
    failures = 0
    open()
  }

  return {
    reopen,
    dispose() {
      stream = undefined
      close()
    },
  }
}
