/** Many runs of a scenario: by every plan there is, or by the dice. */
import { byDice, inOrder, type Plan } from './fate.js'
import { processesOf, run, type Outcome, type RunOptions, type Scenario } from './scenario.js'
import type { NetworkFault } from './world.js'

/** Runs that go on at the same time; the server is the one who works. */
const AT_ONCE = 8

export interface Found {
  runs: number
  /** One text for each run in which something does not hold. */
  bad: string[]
}

type Fixed = Omit<RunOptions, 'fate' | 'username'>

/**
 * Every crash, each with and without a lost answer; every fault of storage, likewise; every fault of the
 * network; every moment for the second to begin, and for one to stand still. Or one kind of these.
 */
export async function explore(fixed: Fixed, only?: keyof Plan): Promise<Found> {
  const username = await userOf(fixed)
  const smooth = await run({ ...fixed, username, fate: inOrder() })
  const plans: Plan[] = [{}, ...plansOf(fixed.scenario, smooth)]
  if (fixed.scenario.deeds.length > 1) {
    const { done } = await run({ ...fixed, username, fate: inOrder({ late: Infinity }) })
    const all = Object.values(done).reduce((sum, { steps }) => sum + steps, 0)
    plans.push(...Array.from({ length: all }, (_, index) => ({ late: index + 1 })))
  }
  for (const pause of fixed.scenario.standsStill ?? []) {
    const { done } = await run({ ...fixed, username, fate: inOrder({ pause: { step: Infinity, ...pause } }) })
    const steps = pause.step === undefined ? Array.from({ length: done[pause.process]?.steps ?? 0 }, (_, step) => step) : [pause.step]
    plans.push(...steps.map((step) => ({ pause: { ...pause, step } })))
  }
  return collect(plans.filter((plan) => !only || plan[only] !== undefined), async (plan) =>
    report(await run({ ...fixed, username, fate: inOrder(plan) }), fixed.scenario, JSON.stringify(plan)))
}

/** So many runs in random order, from a seed on. */
export async function roll(fixed: Fixed, seed: number, runs: number): Promise<Found> {
  const username = await userOf(fixed)
  const slowOnes = (fixed.scenario.standsStill ?? []).filter(({ step }) => step === undefined).map(({ process }) => process)
  const seeds = Array.from({ length: runs }, (_, index) => seed + index)
  return collect(seeds, async (each) => {
    const fate = byDice(each, processesOf(fixed.scenario), slowOnes)
    return report(await run({ ...fixed, username, fate }), fixed.scenario, `SEED=${each}`)
  })
}

let users = 0

async function userOf({ server }: Fixed): Promise<string> {
  const username = `user${++users}`
  await server.operator.addUser(username)
  return username
}

/** In longer runs, in steps of all processes, crashes and lost answers meet by dice only. */
const LONG = 50

function plansOf(scenario: Scenario, smooth: Outcome): Plan[] {
  const isLong = Object.values(smooth.done).reduce((sum, { steps }) => sum + steps, 0) > LONG
  return processesOf(scenario).flatMap((process) => {
    const { steps = 0, requests = [], operations = [] } = smooth.done[process] ?? {}
    const faults = (request: number, ...kinds: NetworkFault[]) =>
      kinds.map((fault) => ({ network: { process, request, fault } }))
    // What is lost after the crash, or before the fault of the storage, is lost in another plan.
    const lost = (from: number, until: number): Plan[] => [{}, ...requests.flatMap((step, request) =>
      !isLong && step >= from && step <= until ? faults(request, 'lose answer') : [])]
    return [
      // A lost answer is followed by a few steps more.
      ...Array.from({ length: steps + 4 }, (_, step) => step).flatMap((step) =>
        lost(0, step).map((plan) => ({ ...plan, crash: { process, step } }))),
      ...requests.flatMap((_, request) => faults(request, 'lose request', 'lose answer', 'send twice', 500)),
      ...operations.flatMap((step, operation) => (['throw', 'throw after'] as const).flatMap((fault) =>
        lost(step, Infinity).map((plan) => ({ ...plan, storage: { process, operation, fault } })))),
    ]
  })
}

function report({ violations, trace }: Outcome, scenario: Scenario, how: string): string | undefined {
  if (violations.length === 0) return undefined
  return `${scenario.name}, ${how}\n  ${violations.join('\n  ')}\n${trace.map((line) => `    ${line}`).join('\n')}`
}

async function collect<T>(cases: readonly T[], judge: (one: T) => Promise<string | undefined>): Promise<Found> {
  const bad: string[] = []
  let next = 0
  const worker = async () => {
    while (next < cases.length) {
      const found = await judge(cases[next++] as T)
      if (found !== undefined) bad.push(found)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return { runs: cases.length, bad }
}
