/** What only who is signed in gets: an answer of the API behind the gateway. */
import { useAuth, useUser } from '@menshen/react'
import { useCallback, useEffect, useState } from 'react'
import { ActivityIndicator, StyleSheet, View } from 'react-native'
import { askForTea, type Tea as Cup } from '../client'
import { useLanguage, useTexts } from '../language'
import { round as corners, space, useColors } from '../look'
import { Button } from '../parts/Button'
import { Card } from '../parts/Card'
import { Notice } from '../parts/Notice'
import { Words } from '../parts/Words'

export function Tea() {
  const colors = useColors()
  const texts = useTexts()
  const { language } = useLanguage()
  const { isSignedIn } = useAuth()
  const [tea, setTea] = useState<Cup>()
  const [busy, setBusy] = useState(false)
  const [round, setRound] = useState<Cup[]>([])
  const [failed, setFailed] = useState(false)

  /** However many cups: they are asked for all at once, and share one access token. */
  const pour = useCallback(async (cups: number) => {
    setBusy(true)
    try {
      const poured = await Promise.all(Array.from({ length: cups }, () => askForTea(language)))
      setTea(poured[0])
      setRound(cups > 1 ? poured : [])
      setFailed(false)
    } catch {
      setFailed(true)
    } finally {
      setBusy(false)
    }
  }, [language])

  useEffect(() => void (isSignedIn && pour(1)), [isSignedIn, pour])

  return (
    <>
      <Words as="title">{texts.teaTitle}</Words>
      {failed && <Notice kind="wait" text={texts.teaOffline} testID="tea-offline" />}
      <Card testID="tea">
        {tea ? <Poured tea={tea} /> : busy && <ActivityIndicator color={colors.tint} aria-label={texts.loading} />}
        <Button
          title={failed ? texts.again : texts.teaAgain}
          onPress={() => void pour(1)}
          busy={busy && tea !== undefined}
          testID="another-cup"
        />
        {round.length > 0 && <Round cups={round} />}
        <Button title={texts.teaRound} kind="second" onPress={() => void pour(10)} disabled={busy} testID="round" />
      </Card>
      {tea && <Words as="small" color="soft" style={styles.path}>{texts.teaPath}</Words>}
    </>
  )
}

function Poured({ tea }: { tea: Cup }) {
  const texts = useTexts()
  const user = useUser()
  const facts = [
    [texts.teaFrom, tea.from],
    [texts.teaBrew, tea.brew],
    [texts.teaFor, user?.name ?? tea.subject],
  ] as const
  return (
    <>
      <Bowl color={tea.color} />
      <View style={styles.name} aria-live="polite">
        <Words as="small" color="soft" testID="cup">{texts.teaCup(tea.cup)}</Words>
        <Words as="heading" testID="tea-name">{tea.name}</Words>
      </View>
      <View>
        {facts.map(([name, value]) => <Fact key={name} name={name} value={value} />)}
      </View>
    </>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  const colors = useColors()
  return (
    <View style={[styles.fact, { borderTopColor: colors.line }]}>
      <Words as="small" color="soft">{name}</Words>
      <Words as="small" style={styles.value}>{value}</Words>
    </View>
  )
}

function Round({ cups }: { cups: Cup[] }) {
  const colors = useColors()
  const texts = useTexts()
  return (
    <View role="img" aria-label={texts.teaRoundPoured(cups.length)} testID="poured" style={styles.round}>
      {cups.map(({ cup, color }) => (
        <View key={cup} style={[styles.small, { backgroundColor: color, borderColor: colors.card }]} />
      ))}
    </View>
  )
}

/** A bowl of tea, seen from above. */
function Bowl({ color }: { color: string }) {
  const colors = useColors()
  return (
    <View aria-hidden style={[styles.saucer, { backgroundColor: colors.sunken, borderColor: colors.line }]}>
      <View style={[styles.bowl, { backgroundColor: colors.card, borderColor: colors.line }]}>
        <View style={[styles.liquor, { backgroundColor: color }]}>
          <View style={styles.gleam} />
        </View>
      </View>
    </View>
  )
}

const styles = StyleSheet.create({
  path: { textAlign: 'center', paddingHorizontal: space.l },
  name: { alignItems: 'center', gap: 2 },
  fact: { flexDirection: 'row', justifyContent: 'space-between', gap: space.l, paddingVertical: space.s + 2, borderTopWidth: 1 },
  value: { flexShrink: 1, textAlign: 'right', fontWeight: '600' },
  round: { flexDirection: 'row', justifyContent: 'center', gap: space.xs },
  small: { width: 24, height: 24, borderWidth: 3, borderRadius: corners.full, boxShadow: '0 1px 3px rgba(0, 0, 0, 0.35)' },
  saucer: { alignSelf: 'center', width: 168, height: 168, borderRadius: corners.full, borderWidth: 1, alignItems: 'center', justifyContent: 'center' },
  bowl: { width: 124, height: 124, borderRadius: corners.full, borderWidth: 1, padding: 9, boxShadow: '0 8px 18px rgba(0, 0, 0, 0.18)' },
  liquor: { flex: 1, borderRadius: corners.full, overflow: 'hidden', boxShadow: 'inset 0 6px 14px rgba(0, 0, 0, 0.28)' },
  gleam: { position: 'absolute', top: 18, left: 22, width: 26, height: 10, borderRadius: corners.full, backgroundColor: 'rgba(255, 255, 255, 0.35)', transform: [{ rotate: '-35deg' }] },
})
