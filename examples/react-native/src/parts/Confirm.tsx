/** Asks before something that cannot be taken back. */
import { AccessibilityInfo, Modal, Platform, StyleSheet, View } from 'react-native'
import { useEffect, useState } from 'react'
import { useTexts } from '../language'
import { COLUMN, round, space, useColors } from '../look'
import { Button } from './Button'
import { Words } from './Words'

interface Props {
  title: string
  text: string
  action: string
  busy?: boolean
  onConfirm(): void
  onCancel(): void
}

export function Confirm({ title, text, action, busy, onConfirm, onCancel }: Props) {
  const colors = useColors()
  const texts = useTexts()
  const still = useStill()
  return (
    <Modal aria-label={title} transparent visible animationType={still ? 'none' : 'fade'} onRequestClose={onCancel}>
      <View style={[styles.veil, { backgroundColor: colors.veil }]}>
        <View
          // In a browser the Modal itself is the dialog.
          role={Platform.OS === 'web' ? undefined : 'alertdialog'}
          aria-modal={Platform.OS === 'web' ? undefined : true}
          testID="confirm"
          style={[styles.sheet, { backgroundColor: colors.card, borderColor: colors.line }]}
        >
          <Words as="heading">{title}</Words>
          <Words color="soft">{text}</Words>
          <View style={styles.buttons}>
            <Button title={action} onPress={onConfirm} busy={busy} testID="confirm-yes" />
            <Button title={texts.cancel} kind="second" onPress={onCancel} testID="confirm-no" />
          </View>
        </View>
      </View>
    </Modal>
  )
}

/** Whether the person has asked the device for less motion. */
function useStill(): boolean {
  const [still, setStill] = useState(true)
  useEffect(() => {
    AccessibilityInfo.isReduceMotionEnabled().then(setStill, () => undefined)
    const subscription = AccessibilityInfo.addEventListener('reduceMotionChanged', setStill)
    return () => subscription.remove()
  }, [])
  return still
}

const styles = StyleSheet.create({
  veil: { flex: 1, justifyContent: 'center', alignItems: 'center', padding: space.xl },
  sheet: { width: '100%', maxWidth: COLUMN - 80, padding: space.xl, gap: space.m, borderWidth: 1, borderRadius: round.l },
  buttons: { gap: space.m, marginTop: space.s },
})
