/** When the stream is opened, when it is opened again, and what its words do. */
import { expect, test } from 'vitest'
import { watchOver, type StreamRequest } from './push.js'
import type { Watched } from './watch.js'

/** A watch over streams that the test speaks for, and timers that it lets pass. */
function watch() {
  const streams: (StreamRequest & { isShut: boolean })[] = []
  const timers: { ms: number; work: () => void }[] = []
  const ended: unknown[][] = []
  let [number, refusals] = [1, [] as (string | undefined)[]]
  const watched: Watched = {
    endpoint: async () => 'https://id.example/account/events',
    fresh: async (refused) => {
      refusals.push(refused)
      if (refused === `t${number}`) number++
      return { id: 'here', accessToken: `t${number}` }
    },
    ended: (...given) => void ended.push(given),
    later(ms, work) {
      const timer = { ms, work }
      timers.push(timer)
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1))
    },
    random: () => 1,
  }
  const opened = watchOver((request) => {
    const stream = { ...request, isShut: false }
    streams.push(stream)
    return () => { stream.isShut = true }
  })(watched)
  const settle = () => new Promise((done) => setImmediate(done))
  return {
    ...opened, streams, timers, ended, refusals, settle,
    async last() {
      await settle()
      return streams[streams.length - 1]!
    },
    async pass() {
      timers.shift()?.work()
      await settle()
    },
  }
}

test('the end of the session is handed on, with its reason, and the stream is shut', async () => {
  const { reopen, last, ended, timers } = watch()
  reopen()
  const stream = await last()
  expect(stream).toMatchObject({ headers: { authorization: 'Bearer t1' } })
  stream.onEvent('ready', '{"sid":"s"}')
  stream.onEvent('session_ended', '{"sid":"s","reason":"admin","reason_description":"An administrator signed you out."}')
  stream.onEvent('session_ended', '{"reason":"twice"}')
  stream.onClose()
  expect(ended).toEqual([['here', 'admin', 'An administrator signed you out.']])
  expect(stream.isShut).toBe(true)
  expect(timers).toEqual([])
})

test.each(['', 'null', '[]', '{"reason":7}'])('an end that says %s is an end', async (data) => {
  const { reopen, last, ended } = watch()
  reopen()
  ;(await last()).onEvent('session_ended', data)
  expect(ended).toEqual([['here', 'expired', undefined]])
})

test('a revoked access token is replaced, and the session lives', async () => {
  const { reopen, last, ended, refusals } = watch()
  reopen()
  const { onEvent } = await last()
  onEvent('ready', '{}')
  onEvent('access_token_revoked', '{}')
  expect(await last()).toMatchObject({ headers: { authorization: 'Bearer t2' } })
  expect(refusals).toEqual([undefined, 't1'])
  expect(ended).toEqual([])
})

test('tokens that are dead from the start are not asked for in a circle', async () => {
  const { reopen, last, timers, pass } = watch()
  reopen()
  const pauses: number[] = []
  for (let times = 0; times < 4; times++) {
    ;(await last()).onEvent('access_token_revoked', '{}')
    pauses.push(timers[0]!.ms)
    await pass()
  }
  expect(pauses).toEqual([...pauses].sort((a, b) => a - b))
  expect(pauses[3]).toBeGreaterThan(pauses[0]!)
})

test('a line that breaks is opened again, later each time, and soon after it has worked', async () => {
  const { reopen, last, timers, pass } = watch()
  reopen()
  const pauses: number[] = []
  for (let times = 0; times < 8; times++) {
    ;(await last()).onClose(503)
    pauses.push(timers[0]!.ms)
    await pass()
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  const stream = await last()
  stream.onEvent('ready', '{}')
  stream.onClose()
  expect(timers[0]!.ms).toBe(1_000)
})

test('a refusal is looked into at once, and one that may be one the second time', async () => {
  const { reopen, last, refusals, pass } = watch()
  reopen()
  ;(await last()).onClose(401)
  await pass()
  expect(refusals).toEqual([undefined, 't1'])
  ;(await last()).onClose()
  await pass()
  expect(refusals).toEqual([undefined, 't1', 't2'])
})

test('what an earlier stream still says is not heard', async () => {
  const { reopen, last, streams, ended, close, timers } = watch()
  reopen()
  const first = await last()
  reopen()
  await last()
  expect(first.isShut).toBe(true)
  first.onEvent('session_ended', '{}')
  first.onClose()
  expect(ended).toEqual([])
  close()
  streams[1]!.onEvent('session_ended', '{}')
  expect([ended, timers]).toEqual([[], []])
})
