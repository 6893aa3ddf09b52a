/** The app's other tabs: what one learns, all know. */

/** The part of a `BroadcastChannel` that is used. */
export interface Broadcast {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
  removeEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
}

/** Why a session ended, as one tab tells the others. */
export interface Ended {
  id: string
  reason: string
  description?: string
}

export interface Tabs {
  /** The storage holds something new. */
  changed(): void
  ended(word: Ended): void
  /** Calls back with what another tab tells; a word of change comes without an `Ended`. */
  listen(heard: (word?: Ended) => void): void
  dispose(): void
}

/** A word is a hint, and the storage is the truth: whoever posts nonsense makes a tab look, no more. */
export function openTabs(broadcast: Broadcast | undefined, prefix: string): Tabs {
  let listener: ((event: { data: unknown }) => void) | undefined
  const post = (ended?: Ended) => {
    try {
      broadcast?.postMessage(JSON.stringify({ menshen: prefix, ended }))
    } catch {
      // A channel that is closed tells nobody; they look by themselves when they come to the front.
    }
  }
  const dispose = () => {
    if (listener) broadcast?.removeEventListener('message', listener)
    listener = undefined
  }
  return {
    changed: () => post(),
    ended: post,
    listen(heard) {
      dispose()
      listener = ({ data }) => {
        const word = read(data)
        if (word?.menshen === prefix) heard(isEnded(word.ended) ? word.ended : undefined)
      }
      broadcast?.addEventListener('message', listener)
    },
    dispose,
  }
}

function read(data: unknown): { menshen?: unknown; ended?: unknown } | undefined {
  try {
    return JSON.parse(String(data)) ?? undefined
  } catch {
    return undefined
  }
}

function isEnded(value: unknown): value is Ended {
  const word = value as Partial<Ended> | undefined
  return typeof word?.id === 'string' && typeof word.reason === 'string'
}
