/** Follows the language of the device, or another one. */
import { Pressable, StyleSheet, Text, View } from 'react-native'
import { useLanguage, useTexts } from '../language'
import { round, space, type, useColors } from '../look'
import { languageNames, type Language } from '../texts'

export function LanguageSwitch() {
  const colors = useColors()
  const texts = useTexts()
  const { choice, choose } = useLanguage()
  const choices: [Language | null, string][] =
    [[null, texts.languageOfDevice], ['en', languageNames.en], ['zh', languageNames.zh]]
  return (
    <View
      role="radiogroup"
      aria-label={texts.language}
      style={[styles.group, { borderColor: colors.line, backgroundColor: colors.sunken }]}
    >
      {choices.map(([language, name]) => {
        const chosen = choice === language
        return (
          <Pressable
            key={name}
            role="radio"
            aria-checked={chosen}
            aria-label={name}
            onPress={() => choose(language)}
            testID={`language-${language ?? 'device'}`}
            style={[styles.choice, chosen && { backgroundColor: colors.card, borderColor: colors.edge }]}
          >
            <Text style={[type.label, { color: chosen ? colors.ink : colors.soft }]}>{name}</Text>
          </Pressable>
        )
      })}
    </View>
  )
}

const styles = StyleSheet.create({
  group: { flexDirection: 'row', borderWidth: 1, borderRadius: round.m, padding: 2, gap: 2 },
  choice: {
    flex: 1,
    minHeight: 44,
    paddingHorizontal: space.s,
    borderWidth: 1,
    borderColor: 'transparent',
    borderRadius: round.m - 2,
    alignItems: 'center',
    justifyContent: 'center',
  },
})
