/** The storage of a device, which outlives the processes on it, and fails when it is told to. */
import type { OutboxStorage, SessionStorage } from '../../src/index.js'

/** An operation on a storage of the device. */
export interface Operation {
  store: 'secure' | 'outbox'
  what: 'get' | 'set' | 'remove' | 'keys'
  key: string
  value?: string
}

/** What goes wrong with an operation: it throws, never ends, gives nothing back, or something else. */
export type StorageFault = 'throw' | 'throw after' | 'hang' | 'undefined' | 'corrupt'

export interface Device {
  readonly secure: Map<string, string>
  readonly outbox: Map<string, string>
  /** Every operation that was carried out, in order. */
  readonly log: Operation[]
  /** Every value that was ever written to the outbox. */
  readonly entries: string[]
  /** Decides about each operation; `undefined` lets it through. */
  rule: (operation: Operation, number: number) => StorageFault | undefined
  /** The two storages, as a client takes them. */
  storages(): { storage: SessionStorage; outboxStorage: OutboxStorage }
  /** Carries out one operation, by the rule. */
  perform(operation: Operation): Promise<unknown>
  /** Everything that is stored now. */
  contents(): string
}

export function openDevice(): Device {
  let number = 0
  const device: Device = {
    secure: new Map(),
    outbox: new Map(),
    log: [],
    entries: [],
    rule: () => undefined,
    async perform(operation) {
      const fault = device.rule(operation, number++)
      if (fault === 'hang') return new Promise(() => undefined)
      if (fault === 'throw') throw new Error('User interaction is not allowed')
      device.log.push(operation)
      const found = carryOut(device, operation)
      if (fault === 'throw after') throw new Error('the device went to sleep')
      if (fault === 'undefined') return undefined
      if (fault === 'corrupt') return '{"version":1,"id'
      return found
    },
    storages() {
      const of = (store: Operation['store']): OutboxStorage => ({
        getItem: (key) => device.perform({ store, what: 'get', key }) as Promise<string | null>,
        setItem: async (key, value) => void (await device.perform({ store, what: 'set', key, value })),
        removeItem: async (key) => void (await device.perform({ store, what: 'remove', key })),
        keys: () => device.perform({ store, what: 'keys', key: '' }) as Promise<string[]>,
      })
      return { storage: of('secure'), outboxStorage: of('outbox') }
    },
    contents: () => JSON.stringify([[...device.secure], [...device.outbox]]),
  }
  return device
}

function carryOut(device: Device, { store, what, key, value = '' }: Operation): unknown {
  const map = device[store]
  if (what === 'get') return map.get(key) ?? null
  if (what === 'keys') return [...map.keys()]
  if (what === 'remove') return void map.delete(key)
  map.set(key, value)
  if (store === 'outbox') device.entries.push(value)
  return undefined
}
