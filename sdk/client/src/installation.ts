/** Whether what the keychain holds belongs to this installation of the app: iOS keeps it over a removal. */
import type { Context } from './context.js'

/** Whether this installation has left its mark; `undefined` when that cannot be told. */
export async function isMarked({ storage, state }: Context, leave?: 'leave'): Promise<boolean | undefined> {
  const { marker } = storage
  try {
    if (leave) await marker?.write('1')
    return marker && Boolean(await marker.read())
  } catch (error) {
    state.warn(error)
    return undefined
  }
}
