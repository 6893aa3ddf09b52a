/** What the parts of a client share. */
import type { Clock } from './clock.js'
import type { Discovery } from './discovery.js'
import type { Settings } from './settings.js'
import type { State } from './state.js'
import type { Storage } from './storage.js'
import type { Wire } from './wire.js'

/** What the parts of a client have in common. */
export interface Context {
  readonly settings: Settings
  readonly clock: Clock
  readonly storage: Storage
  readonly wire: Wire
  readonly discovery: Discovery
  readonly state: State
}
