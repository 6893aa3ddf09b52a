/** Reading Server-Sent Events, however they are cut. */
import { expect, test } from 'vitest'
import { eventParser } from './sse.js'

const STREAM = ': heartbeat\n\nevent: ready\ndata: {"sid":"s"}\n\nevent: session_ended\r\ndata: {"reason":\r\ndata: "admin"}\r\n\r\nid: 7\n\ndata:x\n\n'
const EVENTS = [['ready', '{"sid":"s"}'], ['session_ended', '{"reason":\n"admin"}'], ['message', 'x']]

test('a stream is read alike, wherever it is cut', () => {
  for (let cut = 0; cut <= STREAM.length; cut++) {
    const found: string[][] = []
    const parse = eventParser((...event) => found.push(event))
    for (const piece of [STREAM.slice(0, cut), STREAM.slice(cut)]) parse(piece)
    expect(found, `cut at ${cut}`).toEqual(EVENTS)
  }
})

test('an event that was cut off is none', () => {
  const found: string[][] = []
  eventParser((...event) => found.push(event))('event: ready\ndata: {}\n')
  expect(found).toEqual([])
})
