/** What a WebSocket says of its end. */
import { expect, test } from 'vitest'
import { webSocketEvents } from './websocket.js'

/** Lets a stream fail so often, each time with `message`; which tokens it said were refused. */
async function refusedAfter(message: string | undefined, times: number): Promise<(string | undefined)[]> {
  const sockets: { onerror: ((event: any) => void) | null }[] = []
  class Socket {
    onmessage = null
    onclose = null
    onerror = null
    constructor() { sockets.push(this) }
    close(): void {}
  }
  const refused: (string | undefined)[] = []
  let next = () => {}
  const watch = webSocketEvents(Socket)({
    endpoint: async () => 'https://id.example/account/events',
    fresh: async (token) => {
      refused.push(token)
      return { id: 'session', accessToken: 't1' }
    },
    ended: () => {},
    random: () => 0.5,
    later: (_ms, work) => {
      next = work
      return () => {}
    },
  })
  watch.reopen()
  for (let failed = 1; failed <= times; failed++) {
    await expect.poll(() => sockets.length).toBe(failed)
    sockets.at(-1)?.onerror?.({ message })
    next()
    await expect.poll(() => refused.length).toBe(failed + 1)
  }
  watch.close()
  return refused.slice(1)
}

test.each<[string, string | undefined, (string | undefined)[]]>([
  ['401 on Android', "Expected HTTP 101 response but was '401 Unauthorized'", ['t1', 't1']],
  ['401 on iOS', 'Received bad response code from server: 401.', ['t1', 't1']],
  ['503', "Expected HTTP 101 response but was '503 Service Unavailable'", [undefined, undefined]],
  ['429 on iOS', 'received bad response code from server 429', [undefined, undefined]],
  ['no status', 'failed to connect to id.example/192.0.2.101 (port 443)', [undefined, 't1']],
  ['nothing', undefined, [undefined, 't1']],
])('what a refused upgrade says leads to a refresh, or only to another try: %s', async (_, message, refused) => {
  expect(await refusedAfter(message, 2)).toEqual(refused)
})
