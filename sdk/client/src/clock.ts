/** Time, as far as a runtime and its clock can be trusted with it. */
import { AuthError } from './errors.js'

/** Timers, as `setTimeout` and `clearTimeout`. */
export interface Timers {
  setTimeout(work: () => void, ms: number): unknown
  clearTimeout(timer: any): void
}

export interface Clock {
  /** Milliseconds since 1970. It may jump. */
  now(): number
  /** Runs `work` after so many milliseconds; the answer calls it off. In Node it keeps no process alive. */
  later(ms: number, work: () => void): () => void
  /** What `work` answers, or `timeout` once so many milliseconds are over. */
  within<T>(ms: number, work: Promise<T>): Promise<T>
}

export function openClock(timers: Timers, now: () => number): Clock {
  const later: Clock['later'] = (ms, work) => {
    const timer = timers.setTimeout(work, ms)
    ;(timer as { unref?(): void }).unref?.()
    return () => timers.clearTimeout(timer)
  }
  return {
    now,
    later,
    within(ms, work) {
      let stop = () => {}
      const late = new Promise<never>((_, reject) => {
        stop = later(ms, () => reject(new AuthError('timeout', `no answer within ${ms} ms`)))
      })
      return Promise.race([work, late]).finally(stop)
    },
  }
}
