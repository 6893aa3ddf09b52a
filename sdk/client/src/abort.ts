/** Calling work off. An `AbortController` is not everywhere, and this is all that is needed of it. */
export interface Abort {
  readonly aborted: boolean
  abort(): void
  /** Runs `work` when it is called off; the answer takes `work` out again. */
  on(work: () => void): () => void
}

export function openAbort(): Abort {
  const waiting = new Set<() => void>()
  let aborted = false
  return {
    get aborted() {
      return aborted
    },
    abort() {
      aborted = true
      for (const work of [...waiting]) work()
      waiting.clear()
    },
    on(work) {
      waiting.add(work)
      return () => void waiting.delete(work)
    },
  }
}
