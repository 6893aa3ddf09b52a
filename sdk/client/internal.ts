/**
 * Members of objects that never leave the core: they are kept short in what is published. Nothing that an app or
 * another entry sees belongs here, nothing that is stored or sent, and nothing that the platform calls so.
 */
export const INTERNAL = [
  'adopt', 'alone', 'become', 'begin', 'cleared', 'clock', 'controller', 'discard', 'discovery', 'durable', 'emit', 'enter',
  'epoch', 'failed', 'flush', 'gone', 'isOver', 'leave', 'look', 'lost', 'marker', 'onChange', 'remove', 'running', 'secret',
  'session', 'settings', 'signOuts', 'take', 'tokens', 'verifier', 'wake', 'warn', 'wire', 'within', 'work', 'write',
]
