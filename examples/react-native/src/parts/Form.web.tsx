/** A form of the browser: Enter sends it, and password managers know it. */
import type { ReactNode } from 'react'

/** The app sends what is in it, the browser never does. */
export function Form({ children }: { children: ReactNode }) {
  return <form style={{ display: 'contents' }} onSubmit={(event) => event.preventDefault()}>{children}</form>
}
