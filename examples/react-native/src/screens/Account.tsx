/** Who is signed in, in which language, and the ways out. */
import { useAuth, useUser } from '@menshen/react'
import { useState } from 'react'
import { StyleSheet, Text, View } from 'react-native'
import { useTexts } from '../language'
import { round, space, type, useColors } from '../look'
import { Button } from '../parts/Button'
import { Card } from '../parts/Card'
import { Confirm } from '../parts/Confirm'
import { LanguageSwitch } from '../parts/LanguageSwitch'
import { Notice } from '../parts/Notice'
import { Words } from '../parts/Words'

export function Account() {
  const texts = useTexts()
  const { signOut } = useAuth()
  const [asking, setAsking] = useState(false)
  const [busy, setBusy] = useState(false)
  const [failed, setFailed] = useState(false)

  async function everywhere() {
    setBusy(true)
    try {
      await signOut({ scope: 'all' })
    } catch {
      setFailed(true)
    } finally {
      setBusy(false)
      setAsking(false)
    }
  }

  return (
    <>
      <Words as="title">{texts.accountTitle}</Words>
      {failed && <Notice kind="wait" text={texts.signOutEverywhereOffline} testID="everywhere-offline" />}
      <Card>
        <Who />
      </Card>
      <Card>
        <View style={styles.group}>
          <Words as="label">{texts.language}</Words>
          <LanguageSwitch />
        </View>
      </Card>
      <Card>
        <View style={styles.group}>
          <Button title={texts.signOutHere} onPress={() => void signOut()} testID="sign-out" />
          <Words as="small" color="soft" style={styles.hint}>{texts.signOutHereHint}</Words>
        </View>
        <Button title={texts.signOutEverywhere} kind="danger" onPress={() => setAsking(true)} testID="sign-out-everywhere" />
      </Card>
      {asking && (
        <Confirm
          title={texts.signOutEverywhereTitle}
          text={texts.signOutEverywhereText}
          action={texts.signOutEverywhere}
          busy={busy}
          onConfirm={() => void everywhere()}
          onCancel={() => setAsking(false)}
        />
      )}
    </>
  )
}

function Who() {
  const colors = useColors()
  const texts = useTexts()
  const user = useUser()
  const name = user?.name ?? user?.sub ?? ''
  return (
    <View style={styles.who}>
      <View aria-hidden style={[styles.face, { backgroundColor: colors.accent }]}>
        <Text style={[type.heading, { color: colors.onAccent }]}>{name.slice(0, 1).toUpperCase()}</Text>
      </View>
      <View style={styles.names}>
        <Words as="small" color="soft">{texts.signedInAs}</Words>
        <Words as="strong" testID="who">{name}</Words>
      </View>
    </View>
  )
}

const styles = StyleSheet.create({
  group: { gap: space.s },
  hint: { textAlign: 'center' },
  who: { flexDirection: 'row', alignItems: 'center', gap: space.m },
  face: { width: 48, height: 48, borderRadius: round.full, alignItems: 'center', justifyContent: 'center' },
  names: { flex: 1 },
})
