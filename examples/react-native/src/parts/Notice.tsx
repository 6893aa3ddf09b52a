/** Something the person should know; a screen reader says it when it appears. */
import { useEffect } from 'react'
import { AccessibilityInfo, Platform, Pressable, StyleSheet, Text, View } from 'react-native'
import { useTexts } from '../language'
import { round, space, type, useColors } from '../look'
import { Words } from './Words'

interface Props {
  kind: 'bad' | 'good' | 'wait'
  title?: string
  text: string
  onClose?(): void
  testID?: string
}

export function Notice({ kind, title, text, onClose, testID }: Props) {
  const colors = useColors()
  const texts = useTexts()
  const said = [title, text].filter(Boolean).join('. ')
  useEffect(() => {
    // Android and the web read live regions; iOS has none.
    if (Platform.OS === 'ios') AccessibilityInfo.announceForAccessibility(said)
  }, [said])
  return (
    <View
      role={kind === 'bad' ? 'alert' : 'status'}
      aria-live={kind === 'bad' ? 'assertive' : 'polite'}
      testID={testID}
      style={[styles.box, { backgroundColor: colors[`${kind}Paper`], borderLeftColor: colors[kind] }]}
    >
      <View style={styles.words}>
        {title !== undefined && <Words as="strong" color={kind}>{title}</Words>}
        <Words as={title === undefined ? 'body' : 'small'} color={title === undefined ? kind : 'ink'}>{text}</Words>
      </View>
      {onClose && (
        <Pressable role="button" aria-label={texts.close} onPress={onClose} style={styles.close}>
          <Text aria-hidden style={[type.heading, { color: colors[kind] }]}>×</Text>
        </Pressable>
      )}
    </View>
  )
}

const styles = StyleSheet.create({
  box: {
    flexDirection: 'row',
    alignItems: 'flex-start',
    borderLeftWidth: 4,
    borderRadius: round.s,
    paddingLeft: space.m,
    minHeight: 48,
  },
  words: { flex: 1, paddingVertical: space.m, paddingRight: space.m, gap: 2 },
  close: { width: 44, height: 48, alignItems: 'center', justifyContent: 'center' },
})
