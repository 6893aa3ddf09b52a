/**
 * A store of small values that keeps large ones, too. A large value lies in pieces beside its key, and
 * what lies at the key says where: it is written last and in one go, so that a value is the old one or
 * the new one, whenever the app is killed. Two places for the pieces take turns.
 */
import type { SessionStorage } from '@menshen/client'

/** What the device offers. */
export interface SmallStore {
  get(key: string): Promise<string | null | undefined>
  set(key: string, value: string): Promise<unknown>
  remove(key: string): Promise<unknown>
}

type Place = 'a' | 'b'

interface Head {
  place: Place
  count: number
  length: number
}

const HEAD = 'menshen-pieces:'
/** The value is gone; its pieces may not be. */
const GONE = `${HEAD}gone`
const MOST = 32

/** @param limit How many bytes of UTF-8 one value may have, at least 4. */
export function inPieces(store: SmallStore, limit: number): SessionStorage {
  const at = (key: string, place: Place, index: number) => `${key}.${place}.${index}`
  const read = async (key: string) => (await store.get(key)) ?? null
  const queues = new Map<string, Promise<unknown>>()

  /** One after the other for each key: nobody reads a value that is half replaced. */
  function alone<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const result = (queues.get(key) ?? Promise.resolve()).then(work, work)
    queues.set(key, result.catch(() => undefined))
    return result
  }

  /** Removes the pieces from `first` on, the last one first: what a kill leaves is found again. */
  async function clear(key: string, place: Place, first = 0): Promise<void> {
    let end = first
    // A piece that cannot be read is there for all we know.
    while (end < MOST && (await read(at(key, place, end)).catch(() => '')) !== null) end++
    while (end-- > first) await store.remove(at(key, place, end))
  }

  async function get(key: string): Promise<string | null> {
    const value = await read(key)
    if (value === GONE) {
      await remove(key).catch(() => undefined)
      return null
    }
    const head = headOf(value)
    if (!head) return value
    const pieces: string[] = []
    for (let index = 0; index < head.count; index++) {
      pieces.push((await read(at(key, head.place, index))) ?? '')
    }
    const whole = pieces.join('')
    // Where pieces are missing, what is returned is no value that anybody could take for theirs.
    return whole.length === head.length ? whole : value
  }

  async function set(key: string, value: string): Promise<void> {
    const before = headOf(await read(key))
    const place = before?.place === 'a' ? 'b' : 'a'
    const pieces = value.startsWith(HEAD) || bytes(value) > limit ? cut(value, limit) : []
    if (pieces.length > MOST) throw new Error(`a value of ${bytes(value)} bytes is too large for this store`)
    for (const [index, piece] of pieces.entries()) await store.set(at(key, place, index), piece)
    await store.set(key, pieces.length ? `${HEAD}${place}:${pieces.length}:${value.length}` : value)
    // The value is kept; what is left of older ones goes now or with the next.
    await clear(key, place, pieces.length).catch(() => undefined)
    await clear(key, place === 'a' ? 'b' : 'a').catch(() => undefined)
  }

  async function remove(key: string): Promise<void> {
    const head = await read(key).catch(() => null)
    if (headOf(head)) await store.set(key, GONE)
    await clear(key, 'a')
    await clear(key, 'b')
    await store.remove(key)
  }

  return {
    getItem: (key) => alone(key, () => get(key)),
    setItem: (key, value) => alone(key, () => set(key, value)),
    removeItem: (key) => alone(key, () => remove(key)),
  }
}

function headOf(value: string | null): Head | undefined {
  const match = value === null ? null : /^menshen-pieces:([ab]):(\d+):(\d+)$/.exec(value)
  return match ? { place: match[1] as Place, count: Number(match[2]), length: Number(match[3]) } : undefined
}

function cut(value: string, limit: number): string[] {
  const pieces: string[] = []
  let [piece, size] = ['', 0]
  for (const character of value) {
    const more = bytes(character)
    if (size + more > limit) {
      pieces.push(piece)
      piece = ''
      size = 0
    }
    piece += character
    size += more
  }
  return [...pieces, piece]
}

/** The length in UTF-8; React Native has no `TextEncoder` before 0.74. */
function bytes(text: string): number {
  let count = 0
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    count += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  }
  return count
}
