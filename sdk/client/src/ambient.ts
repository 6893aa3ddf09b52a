/**
 * What a runtime may bring. Nothing here is taken for granted: React Native has no WebCrypto, QuickJS
 * no timers. What is needed may be given as an option instead.
 */
interface Ambient {
  fetch?(url: string, init: unknown): Promise<any>
  setTimeout?(work: () => void, ms: number): unknown
  clearTimeout?(timer: unknown): void
  crypto?: globalThis.Crypto
  AbortController?: new () => { readonly signal: AbortSignal; abort(): void }
  BroadcastChannel?: typeof globalThis.BroadcastChannel
  document?: { baseURI?: string }
  navigator?: { locks?: { request(name: string, work: () => Promise<unknown>): Promise<unknown> } }
  TextDecoder?: new () => { decode(bytes?: Uint8Array, options?: { stream?: boolean }): string }
}

export const ambient: Ambient = typeof globalThis === 'undefined' ? {} : (globalThis as unknown as Ambient)
