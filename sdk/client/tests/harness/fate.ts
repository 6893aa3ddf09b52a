/** Who decides what happens in a world: in order, by a plan, or by dice. */
import type { StorageFault } from './device.js'
import type { Fate, NetworkFault, Process, Step, Timer } from './world.js'

/** What goes wrong in one run; everything is counted from 0, within its process. */
export interface Plan {
  crash?: { process: string; step: number }
  network?: { process: string; request: number; fault: NetworkFault }
  storage?: { process: string; operation: number; fault: StorageFault }
  /** After how many steps of anybody what is done second begins; at once by default. */
  late?: number
  /**
   * A process that is alone until a step of its own, by number or by label, and stands still there until
   * all others are done.
   */
  pause?: { process: string; step: number | string }
}

/** What the steps are called in which something begins. */
export const BEGINS = 'begins to '

/** First come, first served; timers when there is nothing else to do. */
export function inOrder(plan: Plan = {}): Fate {
  let taken = 0
  let isReached = false
  return {
    choose(steps, timers) {
      const waits = taken > 0 && taken <= (plan.late ?? 0)
      taken++
      const begun = waits ? steps.find(({ label }) => !label.startsWith(BEGINS)) : undefined
      const { pause } = plan
      const isPaused = ({ process }: Step) => process.name === pause?.process
      isReached ||= steps.some((step) =>
        isPaused(step) && (step.label === pause?.step || step.process.steps >= Number(pause?.step)))
      const isNext = (step: Step) => !pause || isPaused(step) !== isReached
      return begun ?? steps.find(isNext) ?? steps[0] ?? earliest(timers)
    },
    kills: ({ name }, number) => plan.crash?.process === name && plan.crash.step === number,
    network: ({ name }, number) =>
      plan.network?.process === name && plan.network.request === number ? plan.network.fault : undefined,
    storage: ({ name }, number) =>
      plan.storage?.process === name && plan.storage.operation === number ? plan.storage.fault : undefined,
  }
}

/** How likely each misfortune of a run is. */
const CRASH = 0.5
const STORAGE = 0.15
const REQUEST = 0.15
const EARLY_TIMER = 0.02

/** Any order, and any misfortune: at most one crash and one fault of storage, and lost requests. */
export function byDice(seed: number, names: readonly string[], slowOnes: readonly string[]): Fate {
  const dice = openDice(seed)
  const pick = <T>(from: readonly T[]) => from[Math.floor(dice() * from.length)] as T
  const crash = dice() < CRASH ? { process: pick(names), step: Math.floor(dice() * 40) } : undefined
  const storage = dice() < STORAGE ? { process: pick(names), number: Math.floor(dice() * 14) } : undefined
  // In half of the runs somebody is slow: what others do meanwhile is done.
  const slow = dice() < 0.5 ? pick(slowOnes) : undefined
  return {
    choose(steps, timers) {
      if (timers.length > 0 && dice() < EARLY_TIMER) return pick(timers)
      const quick = steps.filter(({ process }) => process.name !== slow)
      if (quick.length > 0 && dice() < 0.8) return pick(quick)
      return steps.length > 0 ? pick(steps) : earliest(timers)
    },
    kills: ({ name }: Process, number) => crash?.process === name && crash.step === number,
    network: () => (dice() < REQUEST ? pick<NetworkFault>(['lose request', 'lose answer', 'send twice', 500]) : undefined),
    storage: ({ name }, number) =>
      storage?.process === name && storage.number === number ? pick<StorageFault>(['throw', 'throw after']) : undefined,
  }
}

function earliest(timers: readonly Timer[]): Timer | undefined {
  return timers.reduce<Timer | undefined>((first, timer) => (first && first.at <= timer.at ? first : timer), undefined)
}

/** Numbers from 0 to below 1 that follow from a seed (mulberry32). */
export function openDice(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
