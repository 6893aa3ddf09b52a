/**
 * A device with processes on it, which do nothing but what a fate lets them do, step by step: every
 * storage operation and every request begins in one step and is heard of in another, timers fire in
 * steps of their own, and before any step a process may be dead. The server is the real one.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { AuthClient, AuthEvent, FetchAnswer, FetchInit } from '../../src/index.js'
import { SCOPE } from './app.js'
import { openDevice, type Device, type Operation, type StorageFault } from './device.js'
import type { Program } from './source.js'

/** What goes wrong with a request: it or its answer is lost, it is sent twice, or answered 500. */
export type NetworkFault = 'lose request' | 'lose answer' | 'send twice' | 500

/** What may happen next. */
export interface Step {
  readonly process: Process
  readonly label: string
  readonly run: () => unknown
}

/** Decides what happens. */
export interface Fate {
  /** Which of the steps is next; a timer counts only while nothing else can happen, or by choice. */
  choose(steps: readonly Step[], timers: readonly Timer[]): Step | Timer | undefined
  /** Whether a process dies before its step of this number. */
  kills(process: Process, number: number): boolean
  network(process: Process, number: number): NetworkFault | undefined
  storage(process: Process, number: number, operation: Operation): StorageFault | undefined
}

export interface Timer extends Step {
  readonly id: number
  readonly at: number
}

export interface Process {
  readonly name: string
  readonly client: AuthClient
  readonly events: AuthEvent[]
  alive: boolean
  steps: number
  /** In which of its steps each of its requests, and each operation on the storage, began. */
  requests: number[]
  operations: number[]
}

/** What a token endpoint has given to any process of this world. */
export interface Tokens {
  access: string
  refresh?: string
}

/** Sends a request to the server. */
export type Transport = (url: string, init: FetchInit) => Promise<{ status: number; text: string; retryAfter: string | null }>

export interface World {
  readonly device: Device
  readonly issued: Tokens[]
  readonly trace: string[]
  /** Whether the storage failed at all, and whether it refused to take a sign-out. */
  storageFailed: boolean
  entryLost: boolean
  /** Whether a sign-in's answer with the tokens was lost: nobody has those. */
  openingLost: boolean
  /** Whether a timer went off while there was something else to do: what it limited was slow. */
  wasSlow: boolean
  fate: Fate
  start(name: string): Process
  /** Lets something begin in a step of its own. */
  begin(process: Process, label: string, work: () => void): void
  kill(process: Process): void
  /** Goes on until `done` says so, or nothing is left that could happen. */
  advance(done: () => boolean): Promise<void>
}

export interface WorldOptions {
  program: Program
  issuer: string
  clientId: string
  transport: Transport
  fate: Fate
  /** Whether there is a lock over all processes, as browsers have for tabs. */
  lock?: boolean
}

/** More steps than any honest run needs. */
const ENDLESS = 3_000

export function openWorld({ program, issuer, clientId, transport, fate, lock = false }: WorldOptions): World {
  const steps: Step[] = []
  const timers: Timer[] = []
  const waiting: { process: Process; work: () => Promise<unknown> }[] = []
  let now = Date.now()
  let ids = 0
  const world: World = {
    device: openDevice(),
    issued: [],
    trace: [],
    storageFailed: false,
    entryLost: false,
    openingLost: false,
    wasSlow: false,
    fate,
    start,
    begin,
    kill,
    advance,
  }

  /** Something that takes two steps: it happens, and then it is heard of. */
  function operate<T>(process: Process, label: string, work: () => Promise<T>): Promise<T> {
    return new Promise((done, failed) => {
      const hear = (report: () => void) => steps.push({ process, label: `${label} is heard of`, run: report })
      if (!process.alive) return
      steps.push({
        process,
        label,
        run: () => work().then((value) => hear(() => done(value)), (error) => hear(() => failed(error))),
      })
    })
  }

  function start(name: string): Process {
    const setTimeout = (work: () => void, ms = 0) => {
      const id = ++ids
      if (process.alive) timers.push({ id, process, at: now + ms, label: `timer of ${ms} ms`, run: work })
      return id
    }
    const clearTimeout = (id: number | undefined) => {
      const at = timers.findIndex((timer) => timer.id === id)
      if (at >= 0) timers.splice(at, 1)
    }
    const client = program().createAuthClient({
      issuer,
      clientId,
      scope: SCOPE,
      ...storages(() => process),
      lock: lock ? (_, work) => locked(process, work) : undefined,
      fetch: (url, init) => request(process, url, init),
      timers: { setTimeout, clearTimeout },
      now: () => now,
      crypto: {
        randomBytes: (count) => new Uint8Array(randomBytes(count)),
        sha256: (text) => new Uint8Array(createHash('sha256').update(text).digest()),
      },
    })
    const process: Process = { name, client, events: [], alive: true, steps: 0, requests: [], operations: [] }
    client.on((event) => void (process.alive && process.events.push(event)))
    return process
  }

  function storages(process: () => Process) {
    const perform = (operation: Operation) => {
      const label = `${operation.what} ${operation.store} ${operation.key}`
      return operate(process(), label, () => {
        const fault = world.fate.storage(process(), process().operations.push(process().steps) - 1, operation)
        if (fault) world.trace.push(`  ${fault}`)
        world.storageFailed ||= fault !== undefined
        if (fault && operation.value?.includes('"pending"')) world.entryLost = true
        world.device.rule = () => fault
        return world.device.perform(operation)
      })
    }
    const of = (store: Operation['store']) => ({
      getItem: (key: string) => perform({ store, what: 'get', key }) as Promise<string | null>,
      setItem: async (key: string, value: string) => void (await perform({ store, what: 'set', key, value })),
      removeItem: async (key: string) => void (await perform({ store, what: 'remove', key })),
      keys: () => perform({ store, what: 'keys', key: '' }) as Promise<string[]>,
    })
    return { storage: of('secure'), outboxStorage: of('outbox') }
  }

  function locked(process: Process, work: () => Promise<unknown>): Promise<void> {
    return new Promise((done, failed) => {
      waiting.push({ process, work: () => work().then(() => done(), failed) })
      if (waiting.length === 1) nextLocked()
    })
  }

  /** The first in the line has the lock. */
  function nextLocked(): void {
    const holder = waiting[0]
    void holder?.work().finally(() => {
      if (waiting[0] !== holder) return
      waiting.shift()
      nextLocked()
    })
  }

  function request(process: Process, url: string, init: FetchInit): Promise<FetchAnswer> {
    return operate(process, `${init.method} ${new URL(url).pathname}`, async () => {
      const fault = world.fate.network(process, process.requests.push(process.steps) - 1)
      if (fault) world.trace.push(`  ${fault}`)
      if (fault === 'lose request') throw new TypeError('fetch failed')
      if (fault === 500) return answerOf({ status: 500, text: '', retryAfter: null })
      let answer = await send(url, init)
      if (fault === 'send twice') answer = await send(url, init)
      if (fault === 'lose answer') {
        world.openingLost ||= Boolean(init.body?.includes('grant_type=authorization_code'))
        throw new TypeError('fetch failed')
      }
      return answerOf(answer)
    })
  }

  async function send(url: string, init: FetchInit) {
    const answer = await transport(url, init)
    if (answer.status === 200 && url.endsWith('/token')) {
      const body = JSON.parse(answer.text)
      world.issued.push({ access: body.access_token, refresh: body.refresh_token })
    }
    return answer
  }

  function begin(process: Process, label: string, run: () => void): void {
    steps.push({ process, label, run })
  }

  function kill(process: Process): void {
    process.alive = false
    // What was given up for its slowness, and has now been lost.
    const isUndone = ({ label, process: whose }: Step) => whose === process && /^set outbox \S+$/.test(label)
    world.entryLost ||= world.wasSlow && steps.some(isUndone)
    const holder = waiting[0]
    waiting.splice(0, waiting.length, ...waiting.filter((waiter) => waiter.process !== process))
    // A lock goes with the process that holds it.
    if (holder?.process === process) nextLocked()
    for (const list of [steps, timers] as Step[][]) {
      list.splice(0, list.length, ...list.filter((step) => step.process !== process))
    }
  }

  async function advance(done: () => boolean): Promise<void> {
    for (let count = 0; ; count++) {
      // Whatever follows from the last step without waiting has happened after this.
      await new Promise((next) => setImmediate(next))
      if (done()) return
      const step = world.fate.choose(steps, timers)
      if (!step) return
      if (count > ENDLESS) throw new Error(`no end after ${count} steps:\n${world.trace.slice(-40).join('\n')}`)
      await take(step)
    }
  }

  async function take(step: Step | Timer): Promise<void> {
    const { process } = step
    if (world.fate.kills(process, process.steps++)) {
      world.trace.push(`${process.name}: dies before: ${step.label}`)
      return kill(process)
    }
    world.trace.push(`${process.name}: ${step.label}`)
    const list: Step[] = 'at' in step ? timers : steps
    list.splice(list.indexOf(step), 1)
    if ('at' in step) world.wasSlow ||= steps.length > 0
    if ('at' in step) now = Math.max(now, step.at)
    await step.run()
  }

  return world
}

function answerOf({ status, text, retryAfter }: Awaited<ReturnType<Transport>>): FetchAnswer {
  return {
    status,
    headers: { get: (name) => (name === 'retry-after' ? retryAfter : null) },
    text: () => Promise.resolve(text),
  }
}
