/** Where the person is signed in, which of these is this device, and the end of any other. */
import type { RemoteSession } from '@menshen/client'
import { useAuthClient } from '@menshen/react'
import { useCallback, useEffect, useState } from 'react'
import { ActivityIndicator, StyleSheet, View } from 'react-native'
import { useTexts } from '../language'
import { round, space, useColors } from '../look'
import { Button } from '../parts/Button'
import { Card } from '../parts/Card'
import { Confirm } from '../parts/Confirm'
import { Notice } from '../parts/Notice'
import { Words } from '../parts/Words'
import type { Texts } from '../texts'

export function Devices() {
  const colors = useColors()
  const texts = useTexts()
  const client = useAuthClient()
  const [sessions, setSessions] = useState<RemoteSession[]>()
  const [asked, setAsked] = useState<RemoteSession>()
  const [done, setDone] = useState<string>()
  const [busy, setBusy] = useState(false)
  const [failed, setFailed] = useState(false)

  const load = useCallback(async () => {
    try {
      const found = await client.listSessions()
      setSessions(found.sort((a, b) => Number(b.current) - Number(a.current)))
      setFailed(false)
    } catch {
      setFailed(true)
    }
  }, [client])

  useEffect(() => void load(), [load])

  async function signOut(session: RemoteSession) {
    setBusy(true)
    try {
      await client.revokeSession(session.id)
      setDone(texts.deviceSignedOut(session.device ?? texts.unknownDevice))
      await load()
    } catch {
      setFailed(true)
    } finally {
      setBusy(false)
      setAsked(undefined)
    }
  }

  const device = asked?.device ?? texts.unknownDevice
  return (
    <>
      <View style={styles.heading}>
        <Words as="title">{texts.devicesTitle}</Words>
        <Words color="soft">{texts.devicesLead}</Words>
      </View>
      {failed && <Notice kind="wait" text={texts.devicesOffline} testID="devices-offline" />}
      {done !== undefined && <Notice kind="good" text={done} onClose={() => setDone(undefined)} testID="device-done" />}
      <Card>
        {!sessions && !failed && <ActivityIndicator color={colors.tint} aria-label={texts.loading} />}
        <View role="list">
          {sessions?.map((session, index) => (
            <Row key={session.id} session={session} first={index === 0} onSignOut={() => setAsked(session)} />
          ))}
        </View>
        {sessions?.length === 1 && <Words as="small" color="soft">{texts.onlyDevice}</Words>}
        {failed && <Button title={texts.again} kind="second" onPress={() => void load()} />}
      </Card>
      {asked && (
        <Confirm
          title={texts.signOutDeviceTitle(device)}
          text={texts.signOutDeviceText}
          action={texts.signOutDevice}
          busy={busy}
          onConfirm={() => void signOut(asked)}
          onCancel={() => setAsked(undefined)}
        />
      )}
    </>
  )
}

function Row({ session, first, onSignOut }: { session: RemoteSession; first: boolean; onSignOut(): void }) {
  const colors = useColors()
  const texts = useTexts()
  const device = session.device ?? texts.unknownDevice
  return (
    <View
      role="listitem"
      testID={session.current ? 'device-current' : 'device-other'}
      style={[styles.row, !first && { borderTopWidth: 1, borderTopColor: colors.line }]}
    >
      <View style={styles.what}>
        <Words as="strong">{device}</Words>
        {session.current
          ? <View style={[styles.tag, { backgroundColor: colors.goodPaper }]}><Words as="label" color="good">{texts.thisDevice}</Words></View>
          : session.lastSeenAt !== undefined && (
            <Words as="small" color="soft">{`${texts.lastSeen}: ${ago(session.lastSeenAt, texts)}`}</Words>
          )}
      </View>
      {!session.current && (
        <Button
          title={texts.signOutDevice}
          label={texts.signOutDeviceNamed(device)}
          kind="danger"
          onPress={onSignOut}
          testID="sign-out-device"
        />
      )}
    </View>
  )
}

function ago(moment: string, texts: Texts): string {
  const minutes = Math.floor((Date.now() - Date.parse(moment)) / 60_000)
  if (!(minutes >= 1)) return texts.justNow
  if (minutes < 60) return texts.minutesAgo(minutes)
  if (minutes < 1440) return texts.hoursAgo(Math.floor(minutes / 60))
  return texts.daysAgo(Math.floor(minutes / 1440))
}

const styles = StyleSheet.create({
  heading: { gap: space.xs },
  row: { flexDirection: 'row', alignItems: 'center', gap: space.m, paddingVertical: space.m },
  what: { flex: 1, gap: space.xs, alignItems: 'flex-start' },
  tag: { paddingHorizontal: space.s + 2, paddingVertical: 2, borderRadius: round.full },
})
