/** Real processes over real files, killed by SIGKILL at any moment. */
import { build } from 'esbuild'
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openApp } from './harness/app.js'
import { openDevice, type Device } from './harness/device.js'
import { openDice } from './harness/fate.js'
import { startServer, type Server } from './harness/server.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const RUNS = Number(process.env.KILLS ?? 12)
const SEED = Number(process.env.SEED ?? Date.now() % 1e6)
/** By then a child has refreshed a few times, or signed out. */
const LONGEST_MS = { refresh: 60, 'sign out': 25 }

let server: Server
let folder: string

beforeAll(async () => {
  server = await startServer()
  await server.operator.addApp('app')
  await server.operator.addUser('ada')
  folder = mkdtempSync(join(tmpdir(), 'menshen-killed-'))
  await build({
    entryPoints: [join(HERE, '../src/index.ts')], bundle: true, format: 'esm', outfile: join(folder, 'client.mjs'),
  })
}, 600_000)

afterAll(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

type Deed = keyof typeof LONGEST_MS

/** Puts on files what a device holds, and takes it back from there. */
function save(device: Device, place: string): void {
  for (const name of ['secure', 'outbox'] as const) {
    mkdirSync(join(place, name), { recursive: true })
    device[name].forEach((value, key) => writeFileSync(join(place, name, key), value))
  }
}

function load(place: string): Device {
  const device = openDevice()
  for (const name of ['secure', 'outbox'] as const) {
    for (const key of readdirSync(join(place, name))) device[name].set(key, readFileSync(join(place, name, key), 'utf8'))
  }
  return device
}

/**
 * Runs a child until it has been ready for so long, or without a time until its deed is done; whether it had
 * said that it was.
 */
function runChild(place: string, deed: Deed, killAfterMs: number | undefined): Promise<boolean> {
  const child = fork(join(HERE, 'harness/child.mjs'), [join(folder, 'client.mjs'), server.issuer, place, deed])
  let isReady = false
  let isDone = false
  child.on('message', (message) => {
    if (message === 'ready') {
      isReady = true
      if (killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs)
      return
    }
    isDone = true
    // Whoever refreshes never ends; whoever signs out does.
    if (killAfterMs === undefined && deed === 'refresh') child.kill('SIGKILL')
  })
  return new Promise((done, fail) => child.once('exit', (code, signal) => {
    if (isReady && (code === 0 || signal === 'SIGKILL')) done(isDone)
    else fail(new Error(`the child that was to ${deed} ended with ${signal ?? code}${isReady ? '' : ' before it was ready'}`))
  }))
}

/** The refresh token, as it lies in the storage. */
function refreshTokenIn(device: Device): string | undefined {
  return [...device.secure.values()].map((value) => /"refreshToken":"([^"]+)"/.exec(value)?.[1]).find(Boolean)
}

/** The first run of a test is left alone until its deed is done. */
async function killed(run: number, deeds: Deed[], isLeftAlone: boolean) {
  const place = join(folder, String(run))
  const dice = openDice(SEED + run)
  const device = openDevice()
  const before = openApp(server, { device })
  await before.signIn('ada')
  const token = await before.client.getAccessToken()
  before.client.dispose()
  save(device, place)
  const killAfterMs = (deed: Deed) => (isLeftAlone ? undefined : dice() * LONGEST_MS[deed])
  const done = await Promise.all(deeds.map((deed) => runChild(place, deed, killAfterMs(deed))))
  const left = load(place)
  const isQueued = [...left.outbox.values()].some((entry) => entry.includes('"pending"') || entry.includes('"done"'))
  const after = openApp(server, { device: left })
  const status = await after.client.initialize()
  const isSignedOut = deeds.some((deed, index) => deed === 'sign out' && done[index])
  const isRefreshed = refreshTokenIn(left) !== undefined && refreshTokenIn(left) !== refreshTokenIn(device)
  return { after, left, token, status, isOut: isQueued || isSignedOut, isRefreshed }
}

const runs = Array.from({ length: RUNS }, (_, index) => index)

test(`killed while it refreshes again and again, it is signed in (SEED=${SEED})`, async () => {
  let refreshed = 0
  for (const run of runs) {
    const { after, isRefreshed } = await killed(run, ['refresh'], run === 0)
    if (isRefreshed) refreshed++
    const token = await after.client.getAccessToken({ forceRefresh: true })
    expect(await server.operator.isActive(token)).toBe(true)
    expect(after.told('signedOut')).toEqual([])
    after.client.dispose()
  }
  expect(refreshed).toBeGreaterThan(0)
}, 10_000 + RUNS * 5_000)

test(`killed while it signs out, it is signed out for good or not at all (SEED=${SEED})`, async () => {
  const ends = { in: 0, out: 0 }
  for (const run of runs) {
    const { after, left, token, status, isOut } = await killed(
      RUNS + run, run % 2 === 0 ? ['sign out'] : ['sign out', 'refresh'], run === 0,
    )
    await after.client.flushSignOuts()
    ends[isOut ? 'out' : 'in']++
    expect(status).toBe(isOut ? 'signedOut' : 'active')
    expect(await server.operator.sessionLives(token)).toBe(!isOut)
    if (isOut) expect(left.secure.size).toBe(0)
    after.client.dispose()
  }
  expect(ends.out).toBeGreaterThan(0)
  console.log(`of ${RUNS} killed, ${ends.out} were out and ${ends.in} in`)
}, 10_000 + RUNS * 5_000)
