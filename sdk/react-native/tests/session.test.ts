/** A session in a phone's own stores, over the real server: no loss, no false sign-out, nothing left behind. */
import { afterEach, expect, test } from '@jest/globals'
import type { AuthClientOptions, SessionStorage } from '@menshen/client'
import { asyncStorage, keychain, secureStore } from '@menshen/react-native'
import { fakeKeychain, fakeSecureStore, faultyStorage, type StorageFault } from '@menshen/testing'
import { killPhones, newPhone, serverTakes, signIn } from '../../lanes/phone'

afterEach(killPhones)

interface Vault {
  open(): SessionStorage
  /** Everything that is in it, as text. */
  content(): string
}

const vaults: [string, () => Vault][] = [
  ['secureStore', () => {
    const module = fakeSecureStore({ limitBytes: 2_048 })
    return { open: () => secureStore(module), content: () => [...module.values.values()].join('') }
  }],
  ['keychain', () => {
    const module = fakeKeychain()
    return {
      open: () => keychain(module),
      content: () => [...module.values.values()].map(({ password }) => password).join(''),
    }
  }],
]

async function refreshTokenIn(vault: Vault): Promise<string> {
  const record = JSON.parse(String(await vault.open().getItem('menshen.session'))) as { refreshToken?: string }
  return String(record.refreshToken)
}

test.each(vaults)('%s: the next start finds the session, and goes on with it', async (_, make) => {
  const [phone, vault] = [newPhone(), make()]
  await signIn(phone, { storage: vault.open() })
  phone.kill()
  const client = phone.start({ storage: vault.open() })
  expect(await client.initialize()).toBe('active')
  await client.getAccessToken({ forceRefresh: true })
  expect(await refreshTokenIn(vault)).toMatch(/./)
})

test.each(vaults)('%s: a sign-out in aeroplane mode leaves nothing that gives access, and is told of at the next start', async (_, make) => {
  const [phone, vault] = [newPhone(), make()]
  const client = await signIn(phone, { storage: vault.open() })
  const refreshToken = await refreshTokenIn(vault)
  const accessToken = await client.getAccessToken()
  expect(vault.content()).toContain(refreshToken)
  expect(vault.content()).toContain(accessToken)
  phone.network('offline')
  expect(await client.signOut()).toEqual({ local: 'cleared', remote: 'queued' })
  const left = vault.content() + [...phone.outbox.values.values()].join('')
  expect(left).not.toContain(refreshToken)
  expect(left).not.toContain(accessToken)

  phone.kill()
  phone.network(undefined)
  const next = phone.start({ storage: vault.open() })
  expect(await next.initialize()).toBe('signedOut')
  expect(await next.flushSignOuts()).toBe(true)
  expect(await serverTakes(refreshToken)).toBe(false)
})

test.each([
  ['throws', 'loading'],
  ['forgets', 'signedOut'],
  ['garbles', 'signedOut'],
] as [StorageFault, string][])('a read that %s ends no session: the next start has it again', async (fault, status) => {
  const phone = newPhone()
  const store = fakeSecureStore()
  await signIn(phone, { storage: secureStore(store) })
  phone.kill()
  const kept = new Map(store.values)
  const before = phone.requests.length
  const faulty = faultyStorage(secureStore(store), ({ method }) => (method === 'getItem' ? fault : undefined))
  const client = phone.start({ storage: faulty })
  await client.initialize().catch((error) => expect(error.code).toBe('storage_unavailable'))
  expect(client.status).toBe(status)
  expect(new Map(store.values)).toEqual(kept)
  expect(phone.requests).toHaveLength(before)
  phone.kill()
  expect(await phone.start({ storage: secureStore(store) }).initialize()).toBe('active')
})

test('an app that was removed and installed again does not find the session that the keychain kept', async () => {
  const [phone, vault] = [newPhone(), fakeKeychain()]
  const files = () => {
    const values = new Map<string, string>()
    return asyncStorage({
      getItem: async (key) => values.get(key) ?? null,
      setItem: async (key, value) => void values.set(key, value),
      removeItem: async (key) => void values.delete(key),
      getAllKeys: async () => [...values.keys()],
    })
  }
  const installed = files()
  const options: Partial<AuthClientOptions> = { storage: keychain(vault), installMarker: installed }
  await signIn(phone, options)
  const { refreshToken } = JSON.parse(vault.values.get('menshen.session')?.password ?? '{}')
  phone.kill()
  expect(await phone.start(options).initialize()).toBe('active')
  phone.kill()

  const reasons: string[] = []
  const client = phone.start({ ...options, installMarker: files(), outboxStorage: files() })
  client.on((event) => event.type === 'signedOut' && reasons.push(event.reason))
  expect(await client.initialize()).toBe('signedOut')
  expect(reasons).toEqual(['reinstalled'])
  expect(vault.values.has('menshen.session')).toBe(false)
  await client.flushSignOuts()
  expect(await serverTakes(refreshToken)).toBe(false)
})
