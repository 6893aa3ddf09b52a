// An app as a process of its own, over files, which is killed at any moment.
// Arguments: the client as a module, the issuer, the folder, and what to do.

import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [module, issuer, folder, deed] = process.argv.slice(2)
const { createAuthClient } = await import(module)

const filed = (name) => ({
  getItem(key) {
    try {
      return readFileSync(join(folder, name, key), 'utf8')
    } catch (error) {
      if (error.code === 'ENOENT') return null
      throw error
    }
  },
  setItem(key, value) {
    writeFileSync(join(folder, `${name}.${process.pid}`), value)
    renameSync(join(folder, `${name}.${process.pid}`), join(folder, name, key))
  },
  removeItem: (key) => rmSync(join(folder, name, key), { force: true }),
  keys: () => readdirSync(join(folder, name)),
})

const client = createAuthClient({
  issuer,
  clientId: 'app',
  scope: 'openid account offline_access',
  storage: filed('secure'),
  outboxStorage: filed('outbox'),
})
await client.initialize()
process.send('ready')
// Long enough for the word to arrive, so that some are killed before they have begun.
await new Promise((done) => setTimeout(done, 5))
if (deed === 'sign out') {
  process.send(await client.signOut())
  process.disconnect()
} else {
  try {
    for (;;) {
      await client.getAccessToken({ forceRefresh: true })
      process.send('done')
    }
  } catch (error) {
    // Another process on the device may sign out.
    if (error.code !== 'signed_out') throw error
    process.disconnect()
  }
}
