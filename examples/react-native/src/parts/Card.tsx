/** A sheet of paper that holds what belongs together. */
import type { ReactNode } from 'react'
import { StyleSheet, View } from 'react-native'
import { round, space, useColors } from '../look'

export function Card({ children, testID }: { children: ReactNode; testID?: string }) {
  const colors = useColors()
  const box = { backgroundColor: colors.card, borderColor: colors.line, boxShadow: `0 6px 20px ${colors.shade}` }
  return <View testID={testID} style={[styles.card, box]}>{children}</View>
}

const styles = StyleSheet.create({
  card: { padding: space.xl - 4, gap: space.l, borderWidth: 1, borderRadius: round.l },
})
