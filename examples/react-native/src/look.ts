/** How everything looks: the colors of Menshen's own pages, one scale of spaces, one of letters. */
import { createContext, useContext } from 'react'
import { Platform, type TextStyle } from 'react-native'

const light = {
  paper: '#f4f0ea',
  card: '#fffdfa',
  sunken: '#f7f2eb',
  ink: '#221c18',
  soft: '#655b53',
  line: '#e0d8cd',
  edge: '#8d8177',
  accent: '#a3271f',
  onAccent: '#ffffff',
  tint: '#a3271f',
  bad: '#9b1c1c',
  badPaper: '#fdf0ee',
  good: '#1f5f3b',
  goodPaper: '#eef6f0',
  wait: '#6b4d10',
  waitPaper: '#fbf3df',
  gold: '#f5cf7a',
  shade: 'rgba(60, 40, 20, 0.12)',
  veil: 'rgba(34, 28, 24, 0.45)',
}

export type Colors = typeof light

const dark: Colors = {
  paper: '#171412',
  card: '#221e1b',
  sunken: '#2c2724',
  ink: '#f1ebe4',
  soft: '#b9aea4',
  line: '#3b3430',
  edge: '#8f847b',
  accent: '#b53a30',
  onAccent: '#ffffff',
  tint: '#f0988c',
  bad: '#ffb4a8',
  badPaper: '#3a211e',
  good: '#a5d9b8',
  goodPaper: '#1e2d24',
  wait: '#ecc877',
  waitPaper: '#33290f',
  gold: '#f5cf7a',
  shade: 'rgba(0, 0, 0, 0.4)',
  veil: 'rgba(0, 0, 0, 0.6)',
}

export const schemes = { light, dark }

const ColorsContext = createContext<Colors>(light)
export const ColorsProvider = ColorsContext.Provider

/** The colors of the scheme that the person has chosen on the device. */
export function useColors(): Colors {
  return useContext(ColorsContext)
}

export const space = { xs: 4, s: 8, m: 12, l: 16, xl: 24, xxl: 32 }
export const round = { s: 8, m: 12, l: 16, full: 999 }

/** The least that a finger can hit (WCAG 2.2, 2.5.5), with something to spare. */
export const TARGET = 48

/** As wide as text may run. */
export const COLUMN = 520

const serif = Platform.select({
  web: '"Iowan Old Style", "Palatino Linotype", Palatino, "Songti SC", "Noto Serif", "Noto Serif CJK SC", Georgia, serif',
  ios: 'Palatino',
  default: 'serif',
})
const sans = Platform.select({
  web: 'system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans", "Noto Sans CJK SC", sans-serif',
  default: undefined,
})

export const type = {
  title: { fontFamily: serif, fontSize: 28, lineHeight: 36, fontWeight: '600' },
  heading: { fontFamily: serif, fontSize: 20, lineHeight: 28, fontWeight: '600' },
  body: { fontFamily: sans, fontSize: 16, lineHeight: 24 },
  strong: { fontFamily: sans, fontSize: 16, lineHeight: 24, fontWeight: '600' },
  small: { fontFamily: sans, fontSize: 14, lineHeight: 20 },
  label: { fontFamily: sans, fontSize: 14, lineHeight: 20, fontWeight: '600' },
} satisfies Record<string, TextStyle>
