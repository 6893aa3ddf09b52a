/** The app's other tabs: what one learns, all know. */

/** The part of a `BroadcastChannel` that is used. */
export interface Broadcast {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: { data: any }) => void): void
  removeEventListener(type: 'message', listener: (event: { data: any }) => void): void
}

/** What one tab tells the others: that the storage holds something new, or why a session ended. */
export interface Word {
  id?: string
  reason?: string
  description?: string
}

export interface Tabs {
  tell(word: Word): void
  close(): void
}

export function openTabs(broadcast: Broadcast | undefined, prefix: string, heard: (word: Word) => void): Tabs {
  const listener = ({ data }: { data: any }) => {
    if (data?.menshen === prefix) heard(data)
  }
  broadcast?.addEventListener('message', listener)
  return {
    tell(word) {
      try {
        broadcast?.postMessage({ ...word, menshen: prefix })
      } catch {
        // A channel that is closed tells nobody; they look by themselves when they come to the front.
      }
    },
    close: () => broadcast?.removeEventListener('message', listener),
  }
}
