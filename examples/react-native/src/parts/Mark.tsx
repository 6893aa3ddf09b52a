/** A door with two leaves, ajar for whoever is signed in. */
import { StyleSheet, View } from 'react-native'

const RED = '#a3271f'
const GOLD = '#f5cf7a'

export function Mark({ size = 40 }: { size?: number }) {
  return (
    <View aria-hidden style={[styles.door, { width: size, height: size }]}>
      <Leaf size={size} side="left" />
      <Leaf size={size} side="right" />
    </View>
  )
}

function Leaf({ size, side }: { size: number; side: 'left' | 'right' }) {
  const stud = { width: size * 0.07, height: size * 0.07 }
  const ring = { width: size * 0.15, height: size * 0.15, borderWidth: Math.max(1, size * 0.045), [side === 'left' ? 'right' : 'left']: size * 0.05 }
  const studs = (
    <View style={styles.row}>
      <View style={[styles.stud, stud]} />
      <View style={[styles.stud, stud]} />
    </View>
  )
  return (
    <View style={[styles.leaf, { borderRadius: size * 0.05, paddingVertical: size * 0.15 }]}>
      {studs}
      <View style={[styles.ring, ring]} />
      {studs}
    </View>
  )
}

const styles = StyleSheet.create({
  door: { flexDirection: 'row', gap: 2, padding: 1 },
  leaf: { flex: 1, backgroundColor: RED, justifyContent: 'space-between' },
  row: { flexDirection: 'row', justifyContent: 'space-evenly' },
  stud: { backgroundColor: GOLD, borderRadius: 999 },
  ring: { position: 'absolute', top: '43%', borderColor: GOLD, borderRadius: 999 },
})
