/** Fields that belong together; a browser needs to be told, for its password manager. */
import type { ReactNode } from 'react'

export function Form({ children }: { children: ReactNode }) {
  return children
}
