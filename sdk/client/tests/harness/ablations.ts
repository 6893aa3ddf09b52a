/** Every mechanism that a client cannot do without, and how it is taken out of the source. */
import type { Plan } from './fate.js'
import type { Change } from './source.js'
import type { Contract } from './transport.js'

export interface Ablation {
  /** What is missing. */
  without: string
  changes?: Change[]
  contract?: Contract
  /** The scenario that shows it. */
  scenario: string
  /** The kind of plans that shows it; all of them by default. */
  only?: keyof Plan
  /** Shown by dice instead, in so many runs. */
  runs?: number
}

const REFRESH_KEY = "'idempotency-key': sent.refreshKey"
const GUARD = "if (epoch !== state.epoch || stored?.id !== next.id || (await state.isOver(next.id))) return undefined"
const FASTER = "if (stored.refreshToken !== sent.refreshToken) return stored"
const VERIFY = "if (epoch === state.epoch && !(await state.isOver(next.id))) return next"
const NEWER = "if (stored && (stored.id !== id || stored.refreshToken !== refreshToken)) return stored"

export const ABLATIONS: Ablation[] = [
  {
    without: 'a key that is stored with the token',
    changes: [{
      file: 'tokens.ts', find: REFRESH_KEY,
      replace: "'idempotency-key': String(settings.crypto.randomBytes(9))",
    }],
    scenario: 'refresh',
    only: 'crash',
  },
  {
    without: 'a look at the device before the write: sign-out',
    changes: [
      { file: 'tokens.ts', find: GUARD, replace: '' },
      // Otherwise the look after the write would make up for it.
      { file: 'tokens.ts', find: VERIFY, replace: 'return next' },
      { file: 'tokens.ts', find: FASTER, replace: '' },
      // And it would never come to a write.
      { file: 'lifecycle.ts', find: 'if (held?.ending.handle) tokens.abort()', replace: '' },
    ],
    scenario: 'refresh and sign-out at once',
    only: 'late',
  },
  {
    without: 'a look at the device before the write: another refresh',
    changes: [{ file: 'tokens.ts', find: FASTER, replace: '' }],
    scenario: 'two processes refresh, and again',
    only: 'pause',
  },
  {
    without: 'a look at the device after the write',
    changes: [{ file: 'tokens.ts', find: VERIFY, replace: 'return next' }],
    scenario: 'one process refreshes, another signs out',
    only: 'pause',
  },
  {
    without: 'a look at the device before an attempt',
    changes: [{ file: 'tokens.ts', find: '          sent = await current()\n', replace: '' }],
    scenario: 'two processes refresh, and again',
    only: 'network',
  },
  {
    without: 'one key for all processes',
    changes: [{ file: 'state.ts', find: ' || session?.refreshKey !== current.refreshKey', replace: '' }],
    scenario: 'two processes refresh, and again',
    only: 'crash',
  },
  {
    without: 'a look at the device before a session is given up',
    changes: [{ file: 'tokens.ts', find: NEWER, replace: '' }],
    scenario: 'one process refreshes, in another the user changes',
    only: 'pause',
  },
  {
    without: 'a tombstone',
    changes: [{ file: 'state.ts', find: 'ended.has(id) || Boolean(await storage.signOut(id).read())', replace: 'ended.has(id)' }],
    scenario: 'sign-out',
    only: 'crash',
  },
  {
    without: 'the entry before the removal',
    changes: [{
      file: 'sign-out.ts',
      find: '      const durable = session',
      replace: '      if (session === stored) await storage.session.remove().catch(() => undefined)\n      const durable = session',
    }],
    scenario: 'sign-out',
    only: 'crash',
  },
  {
    without: 'one write for tombstone and entry',
    changes: [{
      file: 'sign-out.ts', find: "    await storage.signOut(id).write({ version: 1, id, state: 'pending'",
      replace: "    await done(id)\n    await storage.signOut(id).write({ version: 1, id, state: 'pending'",
    }],
    scenario: 'sign-out',
    only: 'crash',
  },
  {
    without: 'patience with the network: an error is a sign-out',
    changes: [{
      file: 'tokens.ts',
      find: "if (error.code === 'session_revoked' || error.code === 'invalid_grant') return over(error)",
      replace: "if (error.retryable || error.code === 'invalid_grant') return over(error)",
    }],
    scenario: 'refresh',
    runs: 60,
  },
  {
    without: 'patience with the server: a sign-out that it did not hear of is done',
    changes: [{
      file: 'sign-out.ts', find: "told === 'unclear' || told === 'unreachable'", replace: "told === 'unclear'",
    }],
    scenario: 'sign-out',
  },
  {
    without: 'an epoch that a sign-out begins',
    changes: [{
      file: 'state.ts',
      find: '      session = null\n      epoch++\n      onChange()\n      return held',
      replace: '      session = null\n      onChange()\n      return held',
    }],
    scenario: 'sign-out during sign-in',
    only: 'late',
  },
  {
    without: 'a memory of what was told',
    changes: [{ file: 'state.ts', find: '    if (told.has(id)) return\n', replace: '' }],
    scenario: 'refresh and sign-out at once',
    runs: 100,
  },
  {
    without: 'keyed retries at the server',
    contract: 'strict',
    scenario: 'refresh',
    only: 'crash',
  },
  {
    without: 'a logout at the server that ends the session',
    contract: 'current token only',
    scenario: 'one process refreshes, another signs out',
    only: 'late',
  },
]
