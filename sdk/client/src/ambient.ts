/**
 * What a runtime may bring. Nothing here is taken for granted: React Native has no WebCrypto, QuickJS
 * no timers, and so each of these may be given as an option instead.
 */

/** Timers, as `setTimeout` and `clearTimeout`. */
export interface Timers {
  setTimeout(work: () => void, ms: number): unknown
  clearTimeout(timer: any): void
}

/** An `AbortController`, as far as it is used. */
export interface AbortControllerLike {
  readonly signal: AbortSignal
  abort(): void
}

interface Ambient extends Partial<Timers> {
  fetch?(url: string, init: unknown): Promise<any>
  crypto?: globalThis.Crypto
  AbortController?: new () => AbortControllerLike
  BroadcastChannel?: typeof globalThis.BroadcastChannel
  document?: { baseURI?: string }
  navigator?: { locks?: { request(name: string, work: () => Promise<void>): Promise<unknown> } }
  TextDecoder?: new () => { decode(bytes?: Uint8Array, options?: { stream?: boolean }): string }
}

export const ambient: Ambient = typeof globalThis === 'undefined' ? {} : (globalThis as unknown as Ambient)

/** The runtime's timers, looked up at each call, so that fake ones may be put there later. */
export function ambientTimers(): Timers | undefined {
  if (!ambient.setTimeout || !ambient.clearTimeout) return undefined
  return {
    setTimeout: (work, ms) => ambient.setTimeout?.(work, ms),
    clearTimeout: (timer) => ambient.clearTimeout?.(timer),
  }
}
