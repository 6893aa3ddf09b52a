/** An HTTP proxy in front of a server, which loses, delays and falsifies what passes. */
import { Agent, createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** What becomes of one request. */
export type Fault =
  /** The connection breaks; the server never hears of the request. */
  | 'drop request'
  /** The server does what it was asked; the connection breaks before the first byte of the answer. */
  | 'drop response'
  /** As before, but only on a connection that has served a request already: what browsers re-send. */
  | 'drop response if reused'
  /** Half of the answer, then the connection breaks. */
  | 'partial response'
  /** Nobody ever answers, and the server never hears of it. */
  | 'hang request'
  /** The server does what it was asked; the answer never comes. */
  | 'hang response'
  /** 200, and a page of somebody else, as a captive portal gives. */
  | 'garbage'
  /** An answer of the proxy's own. */
  | { status: number; headers?: Record<string, string>; body?: string }
  | { delayMs: number }
  /** The server does what it was asked; then this happens, and the connection breaks. */
  | { afterwards: () => Promise<void> }

/** What the proxy knows of a request when it decides. */
export interface Passing {
  method: string
  path: string
  headers: Record<string, string | string[] | undefined>
  /** The body, decoded as a form. */
  form: URLSearchParams
  /** Whether its connection has carried a request before. */
  reused: boolean
}

export interface Proxy {
  readonly url: string
  /** Where requests go. */
  target: string
  /** Decides about each request; `undefined` lets it through. May change its headers. */
  rule: (passing: Passing) => Fault | undefined | Promise<Fault | undefined>
  /** What has passed or was stopped, in order, since the last `forget`. */
  readonly seen: Passing[]
  /** How many of them went to a path. */
  count(path: string): number
  /** Lets everything through again, and forgets what was seen. */
  forget(): void
  /** Breaks every connection there is. */
  cut(): void
  stop(): Promise<void>
}

export async function startProxy(target: string): Promise<Proxy> {
  const agent = new Agent({ keepAlive: true })
  const carried = new WeakMap<Socket, number>()
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target,
    rule: () => undefined,
    seen: [],
    count: (path) => proxy.seen.filter((passing) => passing.path === path).length,
    forget() {
      proxy.rule = () => undefined
      proxy.seen.length = 0
    },
    cut: () => sockets.forEach((socket) => socket.destroy()),
    stop: () => new Promise<void>((done) => {
      proxy.cut()
      agent.destroy()
      server.close(() => done())
    }),
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await whole(request)
    const times = carried.get(request.socket) ?? 0
    carried.set(request.socket, times + 1)
    const { method = 'GET', url: path = '/', headers } = request
    const passing = {
      method, path, headers: { ...headers }, form: new URLSearchParams(body.toString()), reused: times > 0,
    }
    proxy.seen.push(passing)
    const fault = await proxy.rule(passing)
    if (fault === 'hang request') return
    if (fault === 'drop request') return void request.socket.destroy()
    if (fault === 'garbage') {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome to the hotel</html>')
      return
    }
    if (typeof fault === 'object' && 'status' in fault) {
      response.writeHead(fault.status, fault.headers).end(fault.body ?? '')
      return
    }
    if (typeof fault === 'object' && 'delayMs' in fault) await new Promise((done) => setTimeout(done, fault.delayMs))
    if (headers.accept === 'text/event-stream') return pipe(`${proxy.target}${path}`, passing, response)
    const answer = await forward(`${proxy.target}${path}`, passing, body)
    if (fault === 'hang response') return
    if (typeof fault === 'object' && 'afterwards' in fault) {
      await fault.afterwards()
      return void request.socket.destroy()
    }
    if (fault === 'drop response' || (fault === 'drop response if reused' && passing.reused)) {
      return void request.socket.destroy()
    }
    const { 'transfer-encoding': _, ...rest } = answer.headers
    response.writeHead(answer.status, { ...rest, 'content-length': answer.body.length })
    if (fault !== 'partial response') return void response.end(answer.body)
    response.write(answer.body.subarray(0, answer.body.length / 2), () => request.socket.destroy())
  }

  /** A stream passes as it comes, for as long as both ends want. */
  function pipe(url: string, passing: Passing, response: ServerResponse): void {
    const sent = ask(url, { method: passing.method, headers: passing.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.flushHeaders()
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    sent.on('error', () => response.destroy())
    response.on('close', () => sent.destroy())
    sent.end()
  }

  function forward(url: string, passing: Passing, body: Buffer) {
    return new Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }>((done, failed) => {
      const sent = ask(url, { method: passing.method, headers: passing.headers, agent }, (answer) => {
        whole(answer).then((text) => done({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }), failed)
      })
      sent.on('error', failed)
      sent.end(body)
    })
  }

  return proxy
}

async function whole(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
