/** What processes on a device do, one run of it, and what must hold afterwards. */
import type { AuthClient, SignOutResult } from '../../src/index.js'
import { BEGINS, inOrder } from './fate.js'
import { judge } from './judge.js'
import { PASSWORD } from './operator.js'
import type { Server } from './server.js'
import type { Program } from './source.js'
import { clientOf, openTransport, type Contract } from './transport.js'
import { openWorld, type Fate, type Process, type World } from './world.js'

/** What one process does; several things at once are several of them with one process. */
export type Deed = 'sign in' | 'refresh' | 'refresh twice' | 'sign out' | 'change user'

export interface Scenario {
  name: string
  /** By the name of the process. */
  deeds: [process: string, deed: Deed][]
  /**
   * Which processes may stand still at any step, or at this one. One that has sent a token, or is about to, while another
   * refreshes twice is taken for a thief: no storage can tell them apart without a lock over the network.
   */
  standsStill?: { process: string; step?: string }[]
  /** Whether the processes have a lock for their work on the storage, as tabs have. */
  lock?: boolean
}

const BOTH = [{ process: 'A' }, { process: 'B' }]

export const SCENARIOS: Scenario[] = [
  { name: 'sign-in', deeds: [['A', 'sign in']] },
  { name: 'refresh', deeds: [['A', 'refresh']] },
  { name: 'sign-out', deeds: [['A', 'sign out']] },
  { name: 'refresh and sign-out at once', deeds: [['A', 'refresh'], ['A', 'sign out']] },
  { name: 'sign-out during sign-in', deeds: [['A', 'sign in'], ['A', 'sign out']] },
  { name: 'two processes refresh', deeds: [['A', 'refresh'], ['B', 'refresh']], standsStill: BOTH },
  {
    name: 'two processes refresh, and again',
    deeds: [['A', 'refresh twice'], ['B', 'refresh']],
    standsStill: [{ process: 'A' }, { process: 'B', step: 'POST /token is heard of' }],
  },
  { name: 'one process refreshes, another signs out', deeds: [['A', 'refresh'], ['B', 'sign out']], standsStill: BOTH },
  {
    name: 'one process refreshes, in another the user changes',
    deeds: [['A', 'refresh'], ['B', 'change user']],
    // Without a lock, who stands still between look and write puts the old session over the new one.
    lock: true,
    standsStill: BOTH,
  },
  { name: 'two processes sign out', deeds: [['A', 'sign out'], ['B', 'sign out']], standsStill: BOTH },
]

export function processesOf({ deeds }: Scenario): string[] {
  return [...new Set(deeds.map(([name]) => name))]
}

/** What a run has left. */
export interface Aftermath {
  scenario: Scenario
  world: World
  /** Every process that took part, and the one that was started after all others. */
  processes: Process[]
  last: Process
  /** What was on the device when all was done, and what that one took itself for before it asked anybody. */
  before: string
  beganAs: string
  /** What was said to whoever signed out. */
  results: SignOutResult[]
  server: Server
  contract: Contract
}

export interface RunOptions {
  server: Server
  program: Program
  contract?: Contract
  username: string
  scenario: Scenario
  fate: Fate
}

export interface Outcome {
  /** What does not hold; empty when all is well. */
  violations: string[]
  trace: string[]
  /** What each process had done before it was given time. */
  done: Record<string, Pick<Process, 'steps' | 'requests' | 'operations'>>
}

export async function run({
  server, program, contract = 'menshen', username, scenario, fate,
}: RunOptions): Promise<Outcome> {
  const world = openWorld({
    program, issuer: server.issuer, clientId: clientOf(contract), transport: openTransport(contract), fate: inOrder(),
    lock: scenario.lock,
  })
  const signsIn = scenario.deeds.some(([, deed]) => deed === 'sign in')
  if (!signsIn) await signInBefore(world, username)
  world.fate = fate
  const processes = new Map(processesOf(scenario).map((name) => [name, world.start(name)]))
  const results: SignOutResult[] = []
  await perform(world, scenario, processes, username, results)
  const done = Object.fromEntries([...processes].map(([name, { steps, requests, operations }]) =>
    [name, { steps, requests: [...requests], operations: [...operations] }]))

  const before = world.device.contents()
  world.fate = inOrder()
  world.trace.push('--- and then')
  const violations: string[] = []
  // Whoever lives finds out, and so does whoever is started after.
  for (const process of processes.values()) {
    if (process.alive) await settle(world, process, violations)
  }
  const last = world.start('Z')
  const beganAs = await settle(world, last, violations)
  violations.push(...await judge({
    scenario, world, processes: [...processes.values()], last, before, beganAs, results, server, contract,
  }))
  for (const process of [...processes.values(), last]) world.kill(process)
  return { violations, trace: world.trace, done }
}

async function signInBefore(world: World, username: string): Promise<void> {
  const process = world.start('before')
  await go(world, process, process.client.signIn.password({ username, password: PASSWORD }))
  world.kill(process)
  world.trace.length = 0
}

async function perform(
  world: World,
  { deeds }: Scenario,
  processes: Map<string, Process>,
  username: string,
  results: SignOutResult[],
): Promise<void> {
  const going = deeds.map(([name, deed]) => ({ process: processes.get(name) as Process, deed, over: false }))
  // What one process does begins in the order in which it is written down.
  const begin = ([first, ...rest]: typeof going): void => {
    if (!first) return
    const { process, deed } = first
    world.begin(process, `${BEGINS}${deed}`, () => {
      void act(process.client, deed, username, results).catch((error: unknown) => {
        world.trace.push(`${process.name}: ${deed} fails: ${String(error)}`)
      }).finally(() => {
        first.over = true
      })
      begin(rest)
    })
  }
  for (const name of processes.keys()) begin(going.filter(({ process }) => process.name === name))
  await world.advance(() => going.every(({ process, over }) => over || !process.alive))
}

async function act(client: AuthClient, deed: Deed, username: string, results: SignOutResult[]): Promise<unknown> {
  if (deed === 'sign in') return client.signIn.password({ username, password: PASSWORD })
  if (deed === 'sign out' || deed === 'change user') results.push(await client.signOut())
  if (deed === 'sign out') return undefined
  if (deed === 'change user') return client.signIn.password({ username, password: PASSWORD })
  await client.getAccessToken({ forceRefresh: true })
  return deed === 'refresh twice' ? client.getAccessToken({ forceRefresh: true }) : undefined
}

/** Online, and with time for everything. */
async function settle(world: World, { name, client }: Process, violations: string[]): Promise<string> {
  await go(world, undefined, client.initialize()).catch((error: unknown) => {
    violations.push(`${name} does not start: ${String(error)}`)
  })
  const beganAs = client.status
  if (beganAs !== 'signedOut') {
    await go(world, undefined, client.getAccessToken({ forceRefresh: true })).catch((error: unknown) => {
      world.trace.push(`${name}: ${String(error)}`)
    })
  }
  await go(world, undefined, client.flushSignOuts())
  return beganAs
}

/** Lets the world go on until a promise is settled. */
async function go<T>(world: World, process: Process | undefined, promise: Promise<T>): Promise<T> {
  let over = false
  const watched = promise.finally(() => {
    over = true
  })
  watched.catch(() => undefined)
  await world.advance(() => over || process?.alive === false)
  if (!over) throw new Error(`nothing more happens:\n${world.trace.slice(-20).join('\n')}`)
  return watched
}
