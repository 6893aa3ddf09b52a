/** The same in any order, with any misfortune: seeds are printed, and `SEED` replays one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { roll } from './harness/explore.js'
import { SCENARIOS } from './harness/scenario.js'
import { startServer, type Server } from './harness/server.js'
import { compile, type Program } from './harness/source.js'
import { registerApps } from './harness/transport.js'

const SEED = process.env.SEED === undefined ? undefined : Number(process.env.SEED)
const RUNS = Number(process.env.RUNS ?? (SEED === undefined ? 60 : 1))

let server: Server
let program: Program

beforeAll(async () => {
  server = await startServer()
  program = await compile()
  await registerApps(server)
}, 600_000)

afterAll(() => server?.stop())

describe('in any order', () => {
  test.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))('%s', async (_, scenario) => {
    const seed = SEED ?? Math.floor(Math.random() * 1e9)
    const { runs, bad } = await roll({ server, program, scenario }, seed, RUNS)
    console.log(`${scenario.name}: ${runs} runs from SEED=${seed}, ${bad.length} bad`)
    expect(bad.slice(0, 3).join('\n\n')).toBe('')
  }, 60_000 + 1_000 * RUNS)
})
