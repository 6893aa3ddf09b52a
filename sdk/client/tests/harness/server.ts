/** The real server: one process over a temporary folder, which can be killed and started again. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openOperator, type Operator } from './operator.js'
import { until } from './until.js'

export interface Server {
  /** Who it says it is, and where it listens. */
  readonly issuer: string
  readonly operator: Operator
  /** Kills it, as `kill -9` does. */
  kill(): Promise<void>
  /** Starts it again on the same port, over the same data. */
  launch(): Promise<void>
  /** Stops it for good and removes its folder. */
  stop(): Promise<void>
}

/** Starts a server, with passwords that are quick to hash and no throttle. */
export async function startServer(): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'menshen-sdk-'))
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  let secret: string | undefined

  const launch = async () => {
    child = spawnServer(folder, port)
    await ready(child, issuer, folder)
    secret ??= JSON.parse(readFileSync(join(folder, 'announcement'), 'utf8')).admin?.client_secret
  }
  const kill = async () => {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null) return
    const gone = new Promise((done) => running.once('exit', done))
    running.kill('SIGKILL')
    await gone
  }
  const stop = async () => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await launch()
    if (secret === undefined) throw new Error('the first start announces the secret of the admin client')
    const operator = await openOperator(issuer, secret)
    return { issuer, operator, kill, launch, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function spawnServer(folder: string, port: number): ChildProcess {
  const child = spawn(program(), ['serve', '--json', '--with-parent'], {
    cwd: folder,
    // It stops when this process is gone and the other end closed.
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      MENSHEN_LISTEN: `127.0.0.1:${port}`,
      MENSHEN_ISSUER: `http://127.0.0.1:${port}`,
      MENSHEN_DATA: join(folder, 'data'),
      MENSHEN_PASSWORD_MEMORY: '64',
      MENSHEN_PASSWORD_PASSES: '1',
      MENSHEN_THROTTLE_EXEMPT_NETWORKS: '127.0.0.0/8',
      MENSHEN_LOG_LEVEL: 'warn',
    },
  })
  child.stdout?.pipe(createWriteStream(join(folder, 'announcement')))
  child.stderr?.pipe(createWriteStream(join(folder, 'log'), { flags: 'a' }))
  return child
}

async function ready(child: ChildProcess, address: string, folder: string): Promise<void> {
  await until('the server is ready', async () => {
    if (child.exitCode !== null) throw new Error(`the server ended:\n${readFileSync(join(folder, 'log'), 'utf8')}`)
    const answer = await fetch(`${address}/readyz`).catch(() => undefined)
    return answer?.status === 200 && readFileSync(join(folder, 'announcement'), 'utf8').endsWith('\n')
  }, 60_000)
}

let built: string | undefined

/** The program, as `scripts/program` finds or builds it. */
export function program(): string {
  if (built !== undefined) return built
  let root = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(root, 'scripts/program'))) root = dirname(root)
  built = execFileSync(join(root, 'scripts/program'), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
  return built
}

let next = 0

/** A port that stays ours across restarts: below those that outgoing connections take. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + ((process.pid * 37 + next++) % 20_000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer()
    probe.once('error', () => done(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)))
  })
}
