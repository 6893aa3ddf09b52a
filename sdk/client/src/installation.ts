/** Whether what the keychain holds belongs to this installation of the app: iOS keeps it over a removal. */
import type { Context } from './context.js'
import type { AuthError } from './errors.js'
import type { StoredSession } from './storage.js'

/**
 * Whether a stored session was left by an installation before this one: its mark lay in its place
 * when it began, and is gone. A mark that cannot be read says nothing.
 */
export async function isLeftover({ storage, state }: Context, session: StoredSession): Promise<boolean> {
  if (!session.marked) return false
  return storage.isMarked().then((marked) => marked === false, (error: AuthError) => {
    state.emit({ type: 'error', error })
    return false
  })
}

/** Leaves the mark, for the session that begins; the answer says whether it lies there. */
export async function leaveMark({ storage, state }: Context): Promise<boolean | undefined> {
  try {
    if (await storage.isMarked() === false) await storage.mark()
    return await storage.isMarked()
  } catch (error) {
    state.emit({ type: 'error', error: error as AuthError })
    return false
  }
}
