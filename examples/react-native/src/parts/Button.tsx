/** Something to press: 48 points high, named, and told apart from the rest by more than color. */
import { ActivityIndicator, Pressable, StyleSheet, Text } from 'react-native'
import { round, space, TARGET, type, useColors } from '../look'

interface Props {
  title: string
  onPress(): void
  /** `first` for the one thing to do, `second` for another, `quiet` for words alone. */
  kind?: 'first' | 'second' | 'quiet' | 'danger'
  busy?: boolean
  disabled?: boolean
  /** What a screen reader says, where the title alone is not enough. */
  label?: string
  testID?: string
}

export function Button({ title, onPress, kind = 'first', busy = false, disabled = false, label, testID }: Props) {
  const colors = useColors()
  const look = {
    first: { backgroundColor: colors.accent, borderColor: colors.accent, color: colors.onAccent },
    danger: { backgroundColor: 'transparent', borderColor: colors.bad, color: colors.bad },
    second: { backgroundColor: 'transparent', borderColor: colors.edge, color: colors.ink },
    quiet: { backgroundColor: 'transparent', borderColor: 'transparent', color: colors.tint },
  }[kind]
  const { color, ...box } = look
  return (
    <Pressable
      role="button"
      aria-label={label ?? title}
      aria-busy={busy}
      aria-disabled={disabled || busy}
      disabled={disabled || busy}
      onPress={onPress}
      testID={testID}
      style={({ pressed }) => [styles.box, box, { opacity: pressed || disabled ? 0.7 : 1 }]}
    >
      {busy ? <ActivityIndicator color={color} /> : <Text style={[type.strong, styles.title, { color }]}>{title}</Text>}
    </Pressable>
  )
}

const styles = StyleSheet.create({
  box: {
    minHeight: TARGET,
    paddingHorizontal: space.l,
    paddingVertical: space.m - 2,
    borderWidth: 1,
    borderRadius: round.s,
    alignItems: 'center',
    justifyContent: 'center',
  },
  title: { textAlign: 'center' },
})
