/** A server of a test file's own. */
import { afterAll } from 'vitest'
import { startServer, type Server } from './server.js'

/** Starts one with the client `app` and these users; it stops with the file. */
export async function served(...users: string[]): Promise<Server> {
  const server = await startServer()
  afterAll(() => server.stop())
  await server.operator.addApp('app')
  for (const user of users) await server.operator.addUser(user)
  return server
}
