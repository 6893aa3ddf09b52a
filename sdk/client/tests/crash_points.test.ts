/** Every process dies before and after every one of its steps, with every fault of the network and the storage. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { explore } from './harness/explore.js'
import { SCENARIOS } from './harness/scenario.js'
import { startServer, type Server } from './harness/server.js'
import { compile, type Program } from './harness/source.js'
import { registerApps } from './harness/transport.js'

let server: Server
let program: Program

beforeAll(async () => {
  server = await startServer()
  program = await compile()
  await registerApps(server)
}, 600_000)

afterAll(() => server?.stop())

describe('nothing is lost and nobody is signed out by accident, wherever it stops', () => {
  test.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))('%s', async (_, scenario) => {
    const { runs, bad } = await explore({ server, program, scenario })
    console.log(`${scenario.name}: ${runs} runs, ${bad.length} bad`)
    expect(bad.slice(0, 3).join('\n\n')).toBe('')
  }, 120_000)
})
