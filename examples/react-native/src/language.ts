/** The language of the device, or the one that was chosen instead; kept on the device. */
import AsyncStorage from '@react-native-async-storage/async-storage'
import { useLocales } from 'expo-localization'
import { createContext, createElement, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'
import { Platform } from 'react-native'
import { languages, type Language, type Texts } from './texts'

const KEY = 'language'

interface Chosen {
  language: Language
  /** `null` follows the device. */
  choice: Language | null
  choose(choice: Language | null): void
}

const Context = createContext<Chosen>({ language: 'en', choice: null, choose: () => undefined })

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [choice, setChoice] = useState<Language | null>(null)
  const device: Language = useLocales()[0]?.languageCode === 'zh' ? 'zh' : 'en'
  const language = choice ?? device

  useEffect(() => {
    const read = (kept: string | null) => setChoice(kept === 'en' || kept === 'zh' ? kept : null)
    AsyncStorage.getItem(KEY).then(read, () => undefined)
  }, [])
  useEffect(() => {
    if (Platform.OS !== 'web') return
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
    document.title = languages[language].appName
  }, [language])

  const value = useMemo(() => ({
    language,
    choice,
    choose(next: Language | null) {
      setChoice(next)
      const kept = next === null ? AsyncStorage.removeItem(KEY) : AsyncStorage.setItem(KEY, next)
      kept.catch(() => undefined)
    },
  }), [language, choice])
  return createElement(Context.Provider, { value }, children)
}

export function useLanguage(): Chosen {
  return useContext(Context)
}

export function useTexts(): Texts {
  return languages[useContext(Context).language]
}
