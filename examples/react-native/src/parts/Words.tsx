/** Text in the letters and colors of the app. */
import type { ReactNode } from 'react'
import { Text, type TextStyle } from 'react-native'
import { type, useColors, type Colors } from '../look'

interface Props {
  children: ReactNode
  as?: keyof typeof type
  color?: keyof Colors
  style?: TextStyle
  testID?: string
}

export function Words({ children, as = 'body', color = 'ink', style, testID }: Props) {
  const colors = useColors()
  const level = as === 'title' ? 1 : as === 'heading' ? 2 : undefined
  return (
    <Text
      role={level && 'heading'}
      aria-level={level}
      testID={testID}
      style={[type[as], { color: colors[color] }, style]}
    >
      {children}
    </Text>
  )
}
