/** What hears at once of the end of a session, as the client sees it; `@menshen/client/push` has two. */

/** Opens a watch, for the option `events`. */
export type OpenWatch = (watched: Watched) => Watch

export interface Watch {
  /** There is a session to watch, another one maybe; or nobody knows whether the stream of before lives. */
  reopen(): void
  close(): void
}

/** What a watch sees of its client. */
export interface Watched {
  /** Where the stream is; `undefined` when the provider has none. */
  endpoint(): Promise<string | undefined>
  /** The session, with an access token other than `refused`; rejects when there is none. */
  fresh(refused?: string): Promise<{ id: string; accessToken: string }>
  /** The session with that id has ended. Another one that holds by now is left alone. */
  ended(id: string, reason: string, description?: string): void
  /** Runs `work` after so many milliseconds; the answer calls it off. */
  later(ms: number, work: () => void): () => void
  /** A number from 0 to 1. */
  random(): number
}
