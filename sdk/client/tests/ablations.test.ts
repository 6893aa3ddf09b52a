/** Whatever is taken away, from the client or from what the server promises, these suites notice. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ABLATIONS } from './harness/ablations.js'
import { explore, roll } from './harness/explore.js'
import { SCENARIOS, type Scenario } from './harness/scenario.js'
import { startServer, type Server } from './harness/server.js'
import { compile } from './harness/source.js'
import { registerApps } from './harness/transport.js'

let server: Server

beforeAll(async () => {
  server = await startServer()
  await registerApps(server)
}, 600_000)

afterAll(() => server?.stop())

describe('it shows when the client goes without', () => {
  test.each(ABLATIONS.map((ablation) => [ablation.without, ablation] as const))('%s', async (without, ablation) => {
    const { changes, contract, scenario: name, only, runs: dice } = ablation
    const scenario = SCENARIOS.find((each) => each.name === name) as Scenario
    const fixed = { server, program: await compile(changes), contract, scenario }
    const { runs, bad } = await (dice ? roll(fixed, 1, dice) : explore(fixed, only))
    console.log(`without ${without}: ${bad.length} of ${runs} runs bad`)
    expect(bad.length).toBeGreaterThan(0)
  }, 120_000)
})

test('a mechanism that is not where it was is not taken for removed', async () => {
  const gone = compile([{ file: 'tokens.ts', find: 'no line of this client', replace: '' }])
  await expect(gone).rejects.toThrow('tokens.ts has this 0 times, not once')
})
