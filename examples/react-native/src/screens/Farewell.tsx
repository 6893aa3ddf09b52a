/** What became of the last session: why it ended, and whether the server has still to hear of it. */
import { useAuthEvent, useSignOutStatus } from '@menshen/react'
import { useState } from 'react'
import { StyleSheet, View } from 'react-native'
import { useTexts } from '../language'
import { space } from '../look'
import { Notice } from '../parts/Notice'

export function Farewell() {
  const texts = useTexts()
  const { pending, because, dismiss } = useSignOutStatus()
  const [finished, setFinished] = useState(false)
  useAuthEvent((event) => {
    if (event.type === 'signOutCompleted' && event.pending === 0) setFinished(true)
    if (event.type === 'signOutPending') setFinished(false)
  })
  const reason = because && because.reason !== 'user' ? because.reason : undefined
  if (pending === 0 && !finished && reason === undefined) return null
  return (
    <View style={styles.notices}>
      {reason !== undefined && (
        <Notice
          kind="bad"
          title={texts.endedTitle}
          text={texts.reasons[reason] ?? texts.otherReason}
          onClose={dismiss}
          testID="ended"
        />
      )}
      {pending > 0 && <Notice kind="wait" title={texts.pendingTitle} text={texts.pending} testID="pending" />}
      {pending === 0 && finished && (
        <Notice kind="good" text={texts.finished} onClose={() => setFinished(false)} testID="finished" />
      )}
    </View>
  )
}

const styles = StyleSheet.create({ notices: { gap: space.s } })
