/** What must hold after every run, whatever went wrong in it. The server is asked, not the client. */
import { claimsOf, form } from './operator.js'
import type { Aftermath } from './scenario.js'
import { clientOf } from './transport.js'
import type { Tokens } from './world.js'

export async function judge(aftermath: Aftermath): Promise<string[]> {
  const { world, results, processes } = aftermath
  const entries = world.device.entries.filter((entry) => entry.includes('"pending"'))
  const sessions = [...bySession(world.issued)]
  // The handle in an entry names its session.
  const isEntered = (sid: string) => entries.some((entry) => entry.includes(sid))
  const wrong = once(aftermath)
  if (results.some(({ remote }) => remote === 'queued') && entries.length === 0) {
    wrong.push('a sign-out is said to be queued, and nothing durable is')
  }
  if (waits(aftermath)) wrong.push('a sign-out waits although the server could be reached')

  // A sign-in that was called off, and then killed or not answered in time, leaves a session that nobody has a token of.
  const isCutShort = processes.some(({ alive }) => !alive) || world.openingLost || world.wasSlow
  const isKept = (tokens: Tokens[]) => wasKept(aftermath, tokens)
  const promised = entries.length === 0 && results.some(({ remote }) => remote === 'revoked')
  const isOver = ([sid, tokens]: [string, Tokens[]], index: number) =>
    isEntered(sid) || (promised && index < results.length && (isKept(tokens) || !isCutShort))
  for (const [, tokens] of sessions.filter(isOver)) wrong.push(...await isSignedOut(aftermath, tokens))
  // The storage took no entry, and nobody said that the server knows: nothing here gives access, that is all.
  const asked = entries.length === 0 ? results.length : 0
  for (const [, tokens] of sessions.slice(0, asked)) wrong.push(...nothingLeft(world.device.contents(), tokens))
  if (world.entryLost && asked === 0) return wrong

  const left = sessions.filter((session, index) => index >= asked && !isOver(session, index) && isKept(session[1]))
  wrong.push(...await isSignedIn(aftermath, left.map(([, tokens]) => tokens)))
  return entries.length === 0 && asked === 0 ? [...wrong, ...told(aftermath, 0)] : wrong
}

function bySession(issued: readonly Tokens[]): Map<string, Tokens[]> {
  const found = new Map<string, Tokens[]>()
  for (const tokens of issued) {
    const sid = String(claimsOf(tokens.access).sid)
    found.set(sid, [...(found.get(sid) ?? []), tokens])
  }
  return found
}

/** Whether any token of a session was ever on the device. */
function wasKept({ world }: Aftermath, tokens: Tokens[]): boolean {
  return tokens.some(({ access }) => world.device.log.some(({ value }) => value?.includes(access)))
}

function waits({ world }: Aftermath): boolean {
  return [...world.device.outbox.values()].some((entry) => entry.includes('"pending"'))
}

/** After a sign-out was accepted. */
async function isSignedOut(aftermath: Aftermath, tokens: Tokens[]): Promise<string[]> {
  const { server, contract, world, before, processes } = aftermath
  const wrong = nothingLeft(world.device.contents(), tokens)
  // Who is killed while writing may leave tokens that are worth nothing; the next start clears them.
  const isSmooth = processes.every(({ alive }) => alive) && !world.storageFailed && !world.wasSlow
  if (isSmooth && nothingLeft(before, tokens).length > 0) wrong.push('a token was on the device when all was done')
  for (const { access, refresh = '' } of tokens) {
    if (await server.operator.isActive(access)) wrong.push('an access token works after a sign-out')
    const { status } = await form(`${server.issuer}/token`, {
      grant_type: 'refresh_token', client_id: clientOf(contract), refresh_token: refresh,
    })
    if (status === 200) wrong.push('a refresh token works after a sign-out')
  }
  if (await server.operator.sessionLives(tokens[0]?.access ?? '')) wrong.push('the session lives after a sign-out')
  return wrong
}

/** No token is on the device, in whichever form. */
function nothingLeft(contents: string, tokens: Tokens[]): string[] {
  const secrets = tokens.flatMap(({ access, refresh }) => [access, refresh ?? access])
  return secrets.some((secret) => contents.includes(secret)) ? ['a token is on the device after a sign-out'] : []
}

/** What nobody has signed out of goes on, on the device and at the server. */
async function isSignedIn(aftermath: Aftermath, sessions: Tokens[][]): Promise<string[]> {
  const { server, world, last, processes, beganAs } = aftermath
  const [tokens, ...others] = sessions
  if (!tokens) return beganAs === 'signedOut' ? [] : [`nobody is signed in, and the app starts as ${beganAs}`]
  const wrong = others.length > 0 ? ['two sessions live on one device'] : []
  // Who was there before somebody else signed in elsewhere finds that out when the app comes to the front.
  const isSame = world.issued[0] === tokens[0]
  for (const { name, client } of processes.filter(({ alive }) => alive && isSame)) {
    if (client.status === 'signedOut') wrong.push(`${name} is signed out, and nobody has signed out`)
  }
  if (last.client.status !== 'active') wrong.push(`nobody has signed out, and the app is ${last.client.status}`)
  const newest = tokens.at(-1)
  if (!newest || !(await server.operator.isActive(newest.access))) wrong.push('the newest access token is refused')
  if (!world.device.contents().includes(newest?.refresh ?? 'nothing')) {
    wrong.push('what is on the device is not what the server gave last')
  }
  return wrong
}

function told({ processes, last }: Aftermath, most: number): string[] {
  return [...processes, last]
    .filter(({ events }) => events.filter(({ type }) => type === 'signedOut').length > most)
    .map(({ name }) => `${name} is told of a sign-out ${most === 0 ? 'that nobody asked for' : 'more than once'}`)
}

/** Whoever lives and had a session hears once that it is over. */
function once(aftermath: Aftermath): string[] {
  const wrong = told(aftermath, 1)
  for (const { name, alive, events, client } of aftermath.processes) {
    const wasIn = events.some((event) => event.type === 'statusChange' && event.status === 'active')
    const last = events.findLast(({ type }) => type === 'signedOut' || type === 'signedIn')
    if (!alive) continue
    if (wasIn && client.status === 'signedOut' && last?.type !== 'signedOut') wrong.push(`${name} is not told of the sign-out`)
    if (last?.type === 'signedOut' && client.status !== 'signedOut') wrong.push(`${name} is told of a sign-out and is signed in`)
  }
  return wrong
}
