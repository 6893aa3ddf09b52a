/** A small app, as a reader of the guide would write it. */
import type { AuthClient } from '@menshen/client'
import {
  AuthLoading, AuthProvider, SignedIn, SignedOut, useAuth, useSession, useSignOutStatus, useUser,
} from '@menshen/react'
import { useState, type ReactNode } from 'react'
import { Pressable, Text } from 'react-native'
import { ADA } from '../../lanes/phone'

function Button({ title, onPress }: { title: string; onPress: () => Promise<unknown> }) {
  const [failed, setFailed] = useState('')
  const press = () => void onPress().catch((error) => setFailed(error.code))
  return (
    <>
      <Pressable onPress={press}><Text>{title}</Text></Pressable>
      {failed ? <Text>{`failed: ${failed}`}</Text> : null}
    </>
  )
}

export function Login() {
  const { signIn } = useAuth()
  const { pending, because } = useSignOutStatus()
  return (
    <>
      <Button title="sign in" onPress={() => signIn.password(ADA)} />
      <Text>{because ? `because ${because.reason}: ${because.sentence ?? 'no sentence'}` : 'no reason'}</Text>
      <Text>{`${pending} pending`}</Text>
    </>
  )
}

export function Home() {
  const { signOut, status } = useAuth()
  const user = useUser()
  const session = useSession()
  return (
    <>
      <Text>{user?.sub ? 'hello' : 'who are you?'}</Text>
      <Text>{session ? `session until ${session.accessExpiresAt}` : 'no session'}</Text>
      <Text>{`status ${status}`}</Text>
      <Button title="sign out" onPress={() => signOut()} />
    </>
  )
}

export function App({ client, children }: { client: AuthClient; children?: ReactNode }) {
  return (
    <AuthProvider client={client}>
      <AuthLoading><Text>loading</Text></AuthLoading>
      <SignedOut><Login /></SignedOut>
      <SignedIn><Home /></SignedIn>
      {children}
    </AuthProvider>
  )
}

/** Calls a hook with every render. */
export function Use({ hook }: { hook: () => void }) {
  hook()
  return null
}
