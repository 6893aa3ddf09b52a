/** A field with its label above it. */
import { useState } from 'react'
import { Pressable, StyleSheet, Text, TextInput, View, type TextInputProps } from 'react-native'
import { useTexts } from '../language'
import { round, space, TARGET, type, useColors } from '../look'
import { Words } from './Words'

interface Props extends Pick<TextInputProps, 'autoComplete' | 'inputMode' | 'onSubmitEditing' | 'autoFocus'> {
  label: string
  value: string
  onChange(value: string): void
  secret?: boolean
  wrong?: boolean
  large?: boolean
  testID?: string
}

export function Field({ label, value, onChange, secret = false, wrong = false, large = false, ...rest }: Props) {
  const colors = useColors()
  const texts = useTexts()
  const [shown, setShown] = useState(false)
  return (
    <View style={styles.field}>
      <Words as="label">{label}</Words>
      <View style={styles.line}>
        <TextInput
          {...rest}
          aria-label={label}
          aria-invalid={wrong}
          value={value}
          onChangeText={onChange}
          secureTextEntry={secret && !shown}
          autoCapitalize="none"
          autoCorrect={false}
          spellCheck={false}
          style={[
            type.body,
            styles.input,
            large && styles.large,
            secret && styles.withButton,
            { backgroundColor: colors.card, color: colors.ink, borderColor: wrong ? colors.bad : colors.edge },
            wrong && styles.wrong,
          ]}
        />
        {secret && (
          <Pressable
            role="switch"
            aria-checked={shown}
            aria-label={`${texts.showPassword}: ${label}`}
            onPress={() => setShown(!shown)}
            style={styles.show}
          >
            <Text style={[type.label, { color: colors.tint }]}>{shown ? texts.hidePassword : texts.showPassword}</Text>
          </Pressable>
        )}
      </View>
    </View>
  )
}

const styles = StyleSheet.create({
  field: { gap: space.xs + 2 },
  line: { justifyContent: 'center' },
  input: { minHeight: TARGET, paddingHorizontal: space.m + 2, borderWidth: 1, borderRadius: round.s },
  withButton: { paddingRight: 76 },
  wrong: { borderWidth: 2 },
  large: { fontSize: 24, letterSpacing: 6, textAlign: 'center', fontVariant: ['tabular-nums'] },
  show: {
    position: 'absolute',
    right: 2,
    minWidth: 64,
    height: 44,
    borderRadius: round.s,
    alignItems: 'center',
    justifyContent: 'center',
  },
})
