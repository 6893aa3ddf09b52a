/** The app's other tabs, as the client sees them: what one learns, all know. `@menshen/client/storage-web` has them. */

/** Opens the way to the other tabs of an app, for the option `broadcast`; `name` is that of its storage. */
export type Broadcast = (name: string, heard: (word: Word) => void) => Tabs

/** What one tab tells the others: that the storage holds something new, or why a session ended. */
export interface Word {
  id?: string
  reason?: string
  description?: string
}

export interface Tabs {
  /** Tells all the others; what becomes of it, nobody says. Never throws. */
  tell(word: Word): void
  close(): void
}
