/** What must hold after every run, whatever went wrong in it. The server is asked, not the client. */
import { form } from './operator.js'
import type { Aftermath } from './scenario.js'
import { clientOf } from './transport.js'

export async function judge(aftermath: Aftermath): Promise<string[]> {
  const { world, results, processes } = aftermath
  const accepted = world.device.entries.some((entry) => entry.includes('"pending"'))
  const promised = results.some(({ remote }) => remote === 'revoked')
  const wrong = once(aftermath)
  if (results.some(({ remote }) => remote === 'queued') && !accepted) {
    wrong.push('a sign-out is said to be queued, and nothing durable is')
  }
  // A sign-in that was called off and then killed leaves a session that nobody has a token of.
  const unknown = processes.some(({ alive }) => !alive) && !wasKept(aftermath)
  if (accepted || (promised && !unknown)) return [...wrong, ...await signedOut(aftermath)]
  // The storage took no entry, and nobody said that the server knows: nothing here gives access, that is all.
  if (results.length > 0) return [...wrong, ...nothingLeft(aftermath)]
  if (world.entryLost) return wrong
  return [...wrong, ...await signedInStill(aftermath), ...told(aftermath, 0)]
}

/** Whether any token was ever on the device. */
function wasKept({ world }: Aftermath): boolean {
  return world.issued.some(({ access }) =>
    world.device.log.some(({ value }) => value?.includes(access)))
}

/** After a sign-out was accepted. */
async function signedOut(aftermath: Aftermath): Promise<string[]> {
  const { server, world, last, contract } = aftermath
  const wrong = nothingLeft(aftermath)
  if (last.client.status !== 'signedOut') wrong.push(`after a sign-out the app is ${last.client.status}`)
  for (const { access, refresh } of world.issued) {
    if (await server.operator.isActive(access)) wrong.push('an access token works after a sign-out')
    if (refresh === undefined) continue
    const { status } = await form(`${server.issuer}/token`, {
      grant_type: 'refresh_token', client_id: clientOf(contract), refresh_token: refresh,
    })
    if (status === 200) wrong.push('a refresh token works after a sign-out')
  }
  const access = world.issued[0]?.access
  if (access !== undefined && (await server.operator.sessionLives(access))) {
    wrong.push('the session lives after a sign-out')
  }
  const waiting = [...world.device.outbox.values()].filter((entry) => entry.includes('"pending"'))
  if (waiting.length > 0) wrong.push('a sign-out waits although the server could be reached')
  return wrong
}

/** No token is on the device, in whichever form. */
function nothingLeft({ world }: Aftermath): string[] {
  const contents = world.device.contents()
  const secrets = world.issued.flatMap(({ access, refresh }) => [access, refresh ?? access])
  return secrets.some((secret) => contents.includes(secret)) ? ['a token is on the device after a sign-out'] : []
}

/** When nobody signed out. A sign-in that was cut short may have led nowhere. */
async function signedInStill({ server, world, last, scenario, processes }: Aftermath): Promise<string[]> {
  const cutShort = scenario.deeds.some(([, deed]) => deed === 'sign in')
  if (cutShort && last.client.status === 'signedOut') return []
  const wrong: string[] = []
  for (const { name, client } of processes.filter(({ alive }) => alive)) {
    if (client.status === 'signedOut') wrong.push(`${name} is signed out, and nobody has signed out`)
  }
  if (last.client.status !== 'active') wrong.push(`nobody has signed out, and the app is ${last.client.status}`)
  const newest = world.issued.at(-1)
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
    const heard = events.some(({ type }) => type === 'signedOut')
    if (alive && wasIn && client.status === 'signedOut' && !heard) wrong.push(`${name} is not told of the sign-out`)
    if (heard && client.status !== 'signedOut' && alive) wrong.push(`${name} is told of a sign-out and is signed in`)
  }
  return wrong
}
