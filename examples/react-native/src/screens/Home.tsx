/** Inside: three rooms, and the bar that leads from one to the other. */
import { useState } from 'react'
import { Pressable, SafeAreaView, ScrollView, StyleSheet, Text, View } from 'react-native'
import { useTexts } from '../language'
import { COLUMN, round, space, type, useColors } from '../look'
import { Mark } from '../parts/Mark'
import { Words } from '../parts/Words'
import { Account } from './Account'
import { Devices } from './Devices'
import { Tea } from './Tea'

const rooms = { tea: Tea, devices: Devices, account: Account }
type Room = keyof typeof rooms

export function Home() {
  const colors = useColors()
  const texts = useTexts()
  const [room, setRoom] = useState<Room>('tea')
  const names: Record<Room, string> = { tea: texts.tabTea, devices: texts.tabDevices, account: texts.tabAccount }
  const Shown = rooms[room]
  return (
    <SafeAreaView style={[styles.page, { backgroundColor: colors.paper }]}>
      <View role="banner" style={styles.top}>
        <Mark size={28} />
        <Words as="heading">{texts.appName}</Words>
      </View>
      <ScrollView
        role="tabpanel"
        aria-label={names[room]}
        style={styles.page}
        contentContainerStyle={styles.scroll}
        keyboardShouldPersistTaps="handled"
      >
        <View style={styles.column} testID={`room-${room}`}><Shown /></View>
      </ScrollView>
      <View role="tablist" style={[styles.bar, { backgroundColor: colors.card, borderTopColor: colors.line }]}>
        {(Object.keys(rooms) as Room[]).map((name) => (
          <Pressable
            key={name}
            role="tab"
            aria-selected={name === room}
            aria-label={names[name]}
            onPress={() => setRoom(name)}
            testID={`tab-${name}`}
            style={styles.tab}
          >
            <View style={[styles.lintel, name === room && { backgroundColor: colors.tint }]} />
            <Text style={[type.label, { color: name === room ? colors.tint : colors.soft }]}>{names[name]}</Text>
          </Pressable>
        ))}
      </View>
    </SafeAreaView>
  )
}

const styles = StyleSheet.create({
  page: { flex: 1 },
  top: { flexDirection: 'row', alignItems: 'center', justifyContent: 'center', gap: space.s, paddingVertical: space.m },
  scroll: { flexGrow: 1, alignItems: 'center', padding: space.l, paddingTop: space.xs },
  column: { width: '100%', maxWidth: COLUMN, gap: space.l },
  bar: { flexDirection: 'row', justifyContent: 'center', borderTopWidth: 1 },
  tab: { flex: 1, maxWidth: 180, minHeight: 56, alignItems: 'center', justifyContent: 'center' },
  lintel: { position: 'absolute', top: 0, width: 40, height: 3, borderRadius: round.full },
})
