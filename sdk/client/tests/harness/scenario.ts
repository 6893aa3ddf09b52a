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
export type Deed = 'sign in' | 'refresh' | 'refresh twice' | 'sign out'

export interface Scenario {
  name: string
  /** By the name of the process. */
  deeds: [process: string, deed: Deed][]
}

export const SCENARIOS: Scenario[] = [
  { name: 'sign-in', deeds: [['A', 'sign in']] },
  { name: 'refresh', deeds: [['A', 'refresh']] },
  { name: 'sign-out', deeds: [['A', 'sign out']] },
  { name: 'refresh and sign-out at once', deeds: [['A', 'refresh'], ['A', 'sign out']] },
  { name: 'sign-out during sign-in', deeds: [['A', 'sign in'], ['A', 'sign out']] },
  { name: 'two processes refresh', deeds: [['A', 'refresh'], ['B', 'refresh']] },
  { name: 'two processes refresh, and again', deeds: [['A', 'refresh twice'], ['B', 'refresh']] },
  { name: 'one process refreshes, another signs out', deeds: [['A', 'refresh'], ['B', 'sign out']] },
  { name: 'two processes sign out', deeds: [['A', 'sign out'], ['B', 'sign out']] },
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
  })
  const signsIn = scenario.deeds.some(([, deed]) => deed === 'sign in')
  if (!signsIn) await signInBefore(world, username)
  world.fate = fate
  const processes = new Map(processesOf(scenario).map((name) => [name, world.start(name)]))
  const results: SignOutResult[] = []
  await perform(world, scenario, processes, username, results)
  const done = Object.fromEntries([...processes].map(([name, { steps, requests, operations }]) =>
    [name, { steps, requests: [...requests], operations: [...operations] }]))

  world.fate = inOrder()
  world.trace.push('--- and then')
  const violations: string[] = []
  // Whoever lives finds out, and so does whoever is started after.
  for (const process of processes.values()) {
    if (process.alive) await settle(world, process, 1, violations)
  }
  const last = world.start('Z')
  await settle(world, last, 2, violations)
  for (const process of processes.values()) world.kill(process)
  violations.push(...await judge({
    scenario, world, processes: [...processes.values()], last, results, server, contract,
  }))
  world.kill(last)
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
  if (deed === 'sign out') return results.push(await client.signOut())
  await client.getAccessToken({ forceRefresh: true })
  return deed === 'refresh twice' ? client.getAccessToken({ forceRefresh: true }) : undefined
}

/** Online, and with time for everything. */
async function settle(world: World, { name, client }: Process, refreshes: number, violations: string[]): Promise<void> {
  await go(world, undefined, client.initialize()).catch((error: unknown) => {
    violations.push(`${name} does not start: ${String(error)}`)
  })
  for (let time = 0; time < refreshes && client.status !== 'signedOut'; time++) {
    await go(world, undefined, client.getAccessToken({ forceRefresh: true })).catch((error: unknown) => {
      world.trace.push(`${name}: ${String(error)}`)
    })
  }
  await go(world, undefined, client.flushSignOuts())
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
