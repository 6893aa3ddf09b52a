/** The app: its providers, and which screen is shown. */
import { AuthProvider, useAuth } from '@menshen/react'
import { ActivityIndicator, ScrollView, StatusBar, StyleSheet, useColorScheme, View } from 'react-native'
import { client } from './client'
import { LanguageProvider, useTexts } from './language'
import { COLUMN, ColorsProvider, schemes, space, useColors } from './look'
import { Button } from './parts/Button'
import { Card } from './parts/Card'
import { Notice } from './parts/Notice'
import { Home } from './screens/Home'
import { SignIn } from './screens/SignIn'

export function App() {
  const scheme = useColorScheme() === 'dark' ? 'dark' : 'light'
  return (
    <AuthProvider client={client}>
      <LanguageProvider>
        <ColorsProvider value={schemes[scheme]}>
          <StatusBar barStyle={scheme === 'dark' ? 'light-content' : 'dark-content'} />
          <Screen />
        </ColorsProvider>
      </LanguageProvider>
    </AuthProvider>
  )
}

/** Whoever is signed in is at home; everybody else is at the door. */
function Screen() {
  const { isLoaded, isSignedIn, error } = useAuth()
  if (!isLoaded) return error ? <Unreadable /> : <Loading />
  return isSignedIn ? <Home /> : <SignIn />
}

function Loading() {
  const colors = useColors()
  const texts = useTexts()
  return (
    <View style={[styles.middle, { backgroundColor: colors.paper }]}>
      <ActivityIndicator size="large" color={colors.tint} aria-label={texts.loading} />
    </View>
  )
}

/** The device's storage cannot be read: nobody knows who is signed in, and nobody is signed out. */
function Unreadable() {
  const colors = useColors()
  const texts = useTexts()
  const { retry } = useAuth()
  return (
    <ScrollView style={{ backgroundColor: colors.paper }} contentContainerStyle={styles.middle}>
      <View style={styles.column}>
        <Card>
          <Notice kind="wait" text={texts.storageFailed} testID="unreadable" />
          <Button title={texts.again} onPress={() => void retry()} />
        </Card>
      </View>
    </ScrollView>
  )
}

const styles = StyleSheet.create({
  middle: { flexGrow: 1, alignItems: 'center', justifyContent: 'center', padding: space.l },
  column: { width: '100%', maxWidth: COLUMN },
})
