/** IndexedDB as a storage. */
import type { OutboxStorage } from './storage.js'

const STORE = 'values'

/**
 * `indexedDbStorage(indexedDB)`, for both `storage` and `outboxStorage`. What is kept is on the disk
 * when it is said to be, so that a browser which is killed forgets no sign-out; `localStorage` is
 * written seconds later. Whatever script runs in the page can read it: a page that can have a server of
 * its own is safer with a cookie.
 *
 * @param name The database; one for all clients of a page will do.
 */
export function indexedDbStorage(factory: IDBFactory, name = 'menshen'): OutboxStorage {
  let opened: Promise<IDBDatabase> | undefined

  function open(): Promise<IDBDatabase> {
    opened ??= openDatabase(factory, name, forget).catch((error: unknown) => {
      forget()
      throw error
    })
    return opened
  }

  function forget(): void {
    opened = undefined
  }

  async function begin(mode: IDBTransactionMode): Promise<IDBTransaction> {
    try {
      return (await open()).transaction(STORE, mode, { durability: 'strict' })
    } catch {
      // Browsers close what lies unused in the background.
      forget()
      return (await open()).transaction(STORE, mode, { durability: 'strict' })
    }
  }

  async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const transaction = await begin(mode)
    return new Promise((done, failed) => {
      const request = work(transaction.objectStore(STORE))
      transaction.oncomplete = () => done(request.result)
      transaction.onabort = () => failed(transaction.error ?? request.error)
    })
  }

  return {
    getItem: async (key) => ((await run('readonly', (store) => store.get(key))) as string | undefined) ?? null,
    setItem: async (key, value) => void (await run('readwrite', (store) => store.put(value, key))),
    removeItem: async (key) => void (await run('readwrite', (store) => store.delete(key))),
    keys: async () => (await run('readonly', (store) => store.getAllKeys())).map(String),
  }
}

function openDatabase(factory: IDBFactory, name: string, onClose: () => void): Promise<IDBDatabase> {
  return new Promise((done, failed) => {
    const request = factory.open(name, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    request.onerror = () => failed(request.error)
    request.onsuccess = () => {
      const database = request.result
      database.onclose = onClose
      // Somebody wants to delete it.
      database.onversionchange = () => {
        onClose()
        database.close()
      }
      done(database)
    }
  })
}
