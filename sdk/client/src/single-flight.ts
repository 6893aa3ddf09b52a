/**
 * Lets all who ask for a piece of work while it is under way share it; what is `kept` is done once, unless it
 * fails.
 */
export function shared<T>(work: () => Promise<T>, kept?: 'kept'): () => Promise<T> {
  let running: Promise<T> | undefined
  const forget = () => {
    running = undefined
  }
  return () => {
    if (!running) {
      running = work()
      running.then(kept ? undefined : forget, forget)
    }
    return running
  }
}
