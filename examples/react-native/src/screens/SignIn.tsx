/** The door: a password here, or the system's browser; and what became of the last session. */
import { isAuthError, type SignInChallenge } from '@menshen/client'
import { useAuth } from '@menshen/react'
import { useState } from 'react'
import { KeyboardAvoidingView, Platform, ScrollView, StyleSheet, View } from 'react-native'
import { browser, nameOfDevice } from '../device'
import { useTexts } from '../language'
import { COLUMN, space, useColors } from '../look'
import { Button } from '../parts/Button'
import { Card } from '../parts/Card'
import { Field } from '../parts/Field'
import { Form } from '../parts/Form'
import { LanguageSwitch } from '../parts/LanguageSwitch'
import { Mark } from '../parts/Mark'
import { Notice } from '../parts/Notice'
import { Words } from '../parts/Words'
import { settings } from '../settings'
import type { Texts } from '../texts'
import { Farewell } from './Farewell'

export function SignIn() {
  const colors = useColors()
  const texts = useTexts()
  return (
    <KeyboardAvoidingView
      behavior={Platform.OS === 'ios' ? 'padding' : undefined}
      style={[styles.page, { backgroundColor: colors.paper }]}
    >
      <ScrollView role="main" contentContainerStyle={styles.scroll} keyboardShouldPersistTaps="handled">
        <View style={styles.column} testID="sign-in">
          <View style={styles.brand}>
            <Mark size={56} />
            <Words as="label" color="soft" style={styles.name}>{texts.appName}</Words>
          </View>
          <Farewell />
          <Door />
          <LanguageSwitch />
        </View>
      </ScrollView>
    </KeyboardAvoidingView>
  )
}

function Door() {
  const texts = useTexts()
  const { signIn } = useAuth()
  const [challenge, setChallenge] = useState<SignInChallenge>()
  const [busy, setBusy] = useState<'here' | 'browser'>()
  const [problem, setProblem] = useState<string>()

  /** One attempt at a time; what it asks for or why it failed is shown. */
  async function attempt(where: 'here' | 'browser', work: () => Promise<unknown>) {
    if (busy) return
    setBusy(where)
    setProblem(undefined)
    try {
      await work()
    } catch (error) {
      if (isAuthError(error) && error.challenge) setChallenge(error.challenge)
      else setProblem(sentence(error, texts, challenge !== undefined))
    } finally {
      setBusy(undefined)
    }
  }

  const device = { deviceName: nameOfDevice(), devicePlatform: Platform.OS }
  if (challenge) {
    return (
      <Code
        busy={busy === 'here'}
        problem={problem}
        onSend={(oneTimeCode) =>
          void attempt('here', () => signIn.password({ authSession: challenge.authSession, oneTimeCode, ...device }))}
        onBack={() => {
          setChallenge(undefined)
          setProblem(undefined)
        }}
      />
    )
  }
  return (
    <Password
      busy={busy}
      problem={problem}
      onSend={(username, password) =>
        void attempt('here', () => signIn.password({ username, password, ...device }))}
      onBrowser={() =>
        void attempt('browser', () => signIn.oidc({ redirectUri: settings.redirectUri, browser }))}
    />
  )
}

interface PasswordProps {
  busy?: 'here' | 'browser'
  problem?: string
  onSend(username: string, password: string): void
  onBrowser(): void
}

function Password({ busy, problem, onSend, onBrowser }: PasswordProps) {
  const colors = useColors()
  const texts = useTexts()
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const send = () => {
    if (username && password) onSend(username.trim(), password)
  }
  return (
    <Card>
      <View style={styles.heading}>
        <Words as="title">{texts.signInTitle}</Words>
        <Words color="soft">{texts.signInLead}</Words>
      </View>
      {problem !== undefined && <Notice kind="bad" text={problem} testID="problem" />}
      <Form>
        <Field
          label={texts.username}
          value={username}
          onChange={setUsername}
          autoComplete="username"
          onSubmitEditing={send}
          testID="username"
        />
        <Field
          label={texts.password}
          value={password}
          onChange={setPassword}
          secret
          autoComplete="current-password"
          onSubmitEditing={send}
          testID="password"
        />
        <Button
          title={texts.signIn}
          onPress={send}
          busy={busy === 'here'}
          disabled={!username || !password || busy === 'browser'}
          testID="sign-in-here"
        />
      </Form>
      <View style={styles.or}>
        <View style={[styles.rule, { backgroundColor: colors.line }]} />
        <Words as="small" color="soft">{texts.or}</Words>
        <View style={[styles.rule, { backgroundColor: colors.line }]} />
      </View>
      <View style={styles.heading}>
        <Button
          title={texts.inBrowser}
          kind="second"
          onPress={onBrowser}
          busy={busy === 'browser'}
          testID="sign-in-browser"
        />
        <Words as="small" color="soft" style={styles.hint}>{texts.inBrowserHint}</Words>
      </View>
    </Card>
  )
}

interface CodeProps {
  busy: boolean
  problem?: string
  onSend(code: string): void
  onBack(): void
}

function Code({ busy, problem, onSend, onBack }: CodeProps) {
  const texts = useTexts()
  const [code, setCode] = useState('')
  const send = () => {
    if (code) onSend(code.trim())
  }
  return (
    <Card>
      <View style={styles.heading}>
        <Words as="title">{texts.codeTitle}</Words>
        <Words color="soft">{texts.codeLead}</Words>
      </View>
      {problem !== undefined && <Notice kind="bad" text={problem} testID="problem" />}
      <Field
        label={texts.code}
        value={code}
        onChange={setCode}
        large
        autoFocus
        inputMode="numeric"
        autoComplete="one-time-code"
        onSubmitEditing={send}
        testID="code"
      />
      <Button title={texts.confirm} onPress={send} busy={busy} disabled={!code} testID="send-code" />
      <Button title={texts.otherAccount} kind="quiet" onPress={onBack} />
    </Card>
  )
}

/** What went wrong, in words for whoever is at the door; nothing when they closed the browser themselves. */
function sentence(error: unknown, texts: Texts, withCode: boolean): string | undefined {
  if (!isAuthError(error)) return texts.failed
  switch (error.code) {
    case 'cancelled':
      return undefined
    case 'invalid_grant':
      return withCode ? texts.wrongCode : texts.wrongPassword
    case 'rate_limited':
      return texts.tooMany
    case 'network':
    case 'timeout':
    case 'server':
      return texts.noNetwork
    default:
      return withCode ? texts.codeExpired : texts.failed
  }
}

const styles = StyleSheet.create({
  page: { flex: 1 },
  scroll: { flexGrow: 1, alignItems: 'center', justifyContent: 'center', padding: space.l, paddingVertical: space.xxl },
  column: { width: '100%', maxWidth: COLUMN - 100, gap: space.l },
  brand: { alignItems: 'center', gap: space.s },
  name: { letterSpacing: 2 },
  heading: { gap: space.xs },
  hint: { textAlign: 'center' },
  or: { flexDirection: 'row', alignItems: 'center', gap: space.m },
  rule: { flex: 1, height: 1 },
})
