# What the pages say, in English. Plain words; short sentences; nobody is blamed.

skip-to-content = Skip to content
language = Language
title-problem = Problem:
footer-privacy = Privacy
footer-terms = Terms
footer-support = Help

field-username = Username or e-mail
field-password = Password
field-current-password = Current password
field-new-password = New password
field-email = E-mail address
field-name = Name
field-code = Code
field-user-code = Code
new-password-hint = At least 8 characters. A few words you can remember are better than one you cannot.

client-about = About { $app }:
client-home = Website
client-policy = Privacy policy
client-terms = Terms of service

sign-in-title = Sign in
sign-in-to = to continue to { $app }
sign-in-button = Sign in
sign-in-question = You have an account?
sign-in-link = Sign in
sign-up-question = No account yet?
sign-up-link = Sign up
forgot-password-link = Forgot your password?
back-to-sign-in = Back to sign-in
other-account = Use another account
not-you = Not you?

reauthenticate-title = Confirm that it is you
reauthenticate-for-app = { $app } asks for your password once more before it goes on.
reauthenticate-for-account = Please give your password once more before you go on.
reauthenticate-button = Confirm

enter-code-title = Enter a code
enter-code-from-app = Open your authenticator app, and type the code that it shows.
enter-code-from-mail = { $minutes ->
    [one] We have sent a code to your e-mail address. It is good for one minute.
   *[other] We have sent a code to your e-mail address. It is good for { $minutes } minutes.
}
enter-code-mail-to-come = One more proof that it is you: we send a code to your e-mail address.
enter-code-recovery = You do not have your phone? Type one of your recovery codes instead.
enter-code-button = Continue
enter-code-mail-button = Send the code
enter-code-mail-instead = Send me a code by e-mail instead
enter-code-mail-again = Send another code

choose-account-title = You are signed in
choose-account-continue = Continue as { $name }

problem-wrong-name-or-password = The username or the password is wrong. Please try again.
problem-wrong-code = This code is wrong, was used already, or is too old. Please try again.
problem-begin-again = That took too long, or too many codes were wrong. Please sign in again.
problem-wrong-password = The password is wrong. Please try again.
problem-wait-seconds = { $count ->
    [one] Too many attempts. Please try again in one second.
   *[other] Too many attempts. Please try again in { $count } seconds.
}
problem-wait-minutes = { $count ->
    [one] Too many attempts. Please try again in one minute.
   *[other] Too many attempts. Please try again in { $count } minutes.
}
problem-busy = Many people are signing in right now. Please try again in a moment.
problem-invalid-email = This is not an e-mail address. Please check it.
problem-password-too-short = Please choose a password of at least { $count } characters.
problem-password-too-long = This password is too long. Please choose a shorter one.
problem-password-unchanged = This is your old password. Please choose a new one.
problem-unknown-code = There is no such code, or it has expired. Please check what your device shows.

sign-up-title = Create an account
sign-up-lead = We will send you an e-mail with a link to go on.
sign-up-button = Send the link
finish-sign-up-title = Almost there
finish-sign-up-lead = Your address { $email } is confirmed. Choose how you are called, and a password.
finish-sign-up-button = Create the account

mail-sent-title = Look into your mail
mail-sent-sign-up = We have sent an e-mail to { $email }. Open the link in it to go on.
mail-sent-reset = If { $email } has an account here, we have sent an e-mail to its address. Open the link in it to choose a new password.
mail-sent-how-long = { $minutes ->
    [one] The link is good for one minute. You may close this page.
   *[other] The link is good for { $minutes } minutes. You may close this page.
}
mail-sent-question = Nothing there, not even in the spam folder?
mail-sent-again = Try again

mail-reset-subject = Choose a new password for { $place }
mail-reset-lead = Somebody asked for a new password for your account { $name } at { $place }. If that was you, open this link to choose one:
mail-sign-up-subject = Confirm your address for { $place }
mail-sign-up-lead = Somebody wants to create an account at { $place } with this address. If that was you, open this link to go on:
mail-known-subject = You have an account at { $place } already
mail-known-lead = Somebody wanted to create an account at { $place } with this address, but there is one already. If that was you, sign in here:
mail-known-forgot = If you do not know the password any more, choose a new one here:
mail-how-long = { $minutes ->
    [one] The link is good for one minute, and works once.
   *[other] The link is good for { $minutes } minutes, and works once.
}
mail-keep-it = Give the link to nobody: nobody who calls or writes to you needs it.
mail-code-subject = Your code for { $place }
mail-code-lead = Somebody signs in to your account at { $place }. If that is you, type this code:
mail-code-how-long = { $minutes ->
    [one] The code is good for one minute, and works once.
   *[other] The code is good for { $minutes } minutes, and works once.
}
mail-code-keep-it = Give the code to nobody: nobody who calls or writes to you needs it.
mail-code-not-you = If this was not you, somebody knows your password: please change it.
mail-not-you = If this was not you, you need not do anything: nothing has changed.

forgot-password-title = Forgot your password?
forgot-password-lead = Tell us what you sign in with, and we will send a link to your e-mail address to choose a new one.
forgot-password-button = Send the link
reset-password-title = Choose a new password
reset-password-lead = for { $name }
reset-password-button = Save the password
reset-password-note = For your safety you will be signed out on every device.
password-changed-title = Your password is changed
password-changed-lead = Every device that was signed in with the old one is signed out.
password-changed-continue = Continue

consent-title = { $app } asks for access to your account
consent-gets = If you allow it, { $app } will be able to
consent-offline-access = { $app } will keep this access when you are not using it, until you withdraw it.
consent-withdraw = You can withdraw this at any time in your account.
consent-leads-to = You will be taken to { $host }.
consent-allow = Allow
consent-deny = Deny

scope-openid = know which account is yours
scope-profile = see your name, picture and other details of your profile
scope-email = see your e-mail address
scope-address = see your postal address
scope-phone = see your phone number
scope-offline-access = keep its access while you are not using it
scope-account = manage your account: see your devices and sign them out
scope-other = use “{ $scope }”

device-enter-title = Connect a device
device-enter-lead = Enter the code that your device shows.
device-enter-compare = Does your device show this very code?
device-enter-button = Continue
device-warning = Go on only if you started this yourself, on a device in front of you. Nobody who calls or writes to you needs this code.
device-confirm-title = Sign in to { $app } on your device?
device-confirm-compare = Your device must show this code:
device-allowed-title = Your device is signed in
device-allowed-lead = { $app } goes on by itself. You may close this page.
device-denied-title = Your device is not signed in
device-denied-lead = { $app } got no access. You may close this page.

confirm-sign-out-title = Sign out?
confirm-sign-out-lead = You will be signed out in this browser, and in the apps that you opened with it.
confirm-sign-out-for-app = { $app } asks to sign you out in this browser, and in the apps that you opened with it.
sign-out-button = Sign out
stay-button = Stay signed in

signed-out-title = You are signed out
signed-out-device = { $name } is signed out on this device.
signed-out-everywhere = { $name } is signed out on every device.
signed-out-apps = { $count ->
    [one] One app lost its access with it.
   *[other] { $count } apps lost their access with it.
}
signed-out-nobody = Nobody is signed in here.
signed-out-back = Back to { $app }
signed-out-sign-in = Sign in again

reason-logout = You signed out.
reason-logout-everywhere = You signed out everywhere.
reason-remote-logout = You signed this device out from another device.
reason-token-revoked = The app gave its access back.
reason-password-changed = Your password was changed.
reason-user-disabled = Your account was disabled.
reason-client-disabled = This app is no longer allowed.
reason-admin = An administrator signed you out.
reason-refresh-token-reuse = Somebody used an old copy of this device's sign-in, so it was ended for your safety.
reason-authorization-code-reuse = The sign-in was used twice, so it was ended for your safety.
reason-signed-in-elsewhere = You signed in on another device.
reason-session-limit = You signed in on too many devices.
reason-account-switched = Another account signed in here.
reason-consent-withdrawn = You took this app's access back.
reason-idle-timeout = You were signed out because the app was not used for a while.
reason-absolute-timeout = It was time to sign in again.
reason-claims-changed = Your permissions changed.
reason-key-revoked = A signing key was withdrawn.
reason-all-revoked = All sign-ins were renewed for safety.

account-title = Your account
account-username = Username
account-email = E-mail
account-devices = Your devices
account-devices-lead = Where you are signed in. If you do not know one of them, sign it out and change your password.
account-apps = Apps with access
account-apps-lead = What you allowed to use your account.
account-apps-none = No app may use your account.
account-password = Password
account-password-lead = When you change it, every device is signed out.
account-password-button = Change the password
device-nameless = A device without a name
device-current = This device
device-last-seen = Last seen
device-since = Signed in on
device-sign-out = Sign out
device-sign-out-which = Sign out: { $device }
device-sign-out-elsewhere = Sign out everywhere else
app-since = Allowed on
app-may = What it may do
app-withdraw = Withdraw
app-withdraw-which = Withdraw the access of { $app }
account-codes = Codes from an app
account-codes-lead = After your password, sign in with a code from an authenticator app on your phone. Whoever finds out your password cannot get in without it.
account-codes-since = On since
account-codes-left = { $count ->
    [0] You have no recovery codes left: draw new ones.
    [one] You have one recovery code left.
   *[other] You have { $count } recovery codes left.
}
account-codes-set-up = Set up an app
account-codes-fresh = New recovery codes
account-codes-turn-off = Turn off
notice-codes-off = You sign in with your password alone.
back-to-account = Back to your account

set-up-codes-title = Set up your app
set-up-codes-lead = Scan this picture with an authenticator app, and type the first code that it shows.
set-up-codes-picture = The secret for your app, as a QR code
set-up-codes-by-hand = You cannot scan it? Type this secret into your app:
set-up-codes-here = My app is on this device
set-up-codes-first = First code
set-up-codes-button = Turn on

recovery-codes-title = Your recovery codes
recovery-codes-lead = If you lose your phone, sign in with one of these instead. Each works once.
recovery-codes-note = Print them or write them down now: they are not shown again. Codes that you had before no longer work.

notice-device-signed-out = The device is signed out.
notice-signed-out-elsewhere = You are signed out everywhere else.
notice-access-withdrawn = The app lost its access.
notice-password-changed = Your password is changed.

moment-now = just now
moment-minutes = { $count ->
    [one] a minute ago
   *[other] { $count } minutes ago
}
moment-hours = { $count ->
    [one] an hour ago
   *[other] { $count } hours ago
}
moment-days = { $count ->
    [one] a day ago
   *[other] { $count } days ago
}
moment-date = { $month } { $day }, { $year }
month-january = January
month-february = February
month-march = March
month-april = April
month-may = May
month-june = June
month-july = July
month-august = August
month-september = September
month-october = October
month-november = November
month-december = December

error-app-mistake-title = This app cannot sign you in
error-app-mistake = The app sent us something that we cannot accept. You did nothing wrong; the people who make the app have to look at it.
error-page-expired-title = This page has expired
error-page-expired = It was open for too long, or was used already. Please go back to the app and begin again.
error-link-expired-title = This link is no longer good
error-link-expired = It was used already, or is too old. Please ask for a new one.
error-foreign-form-title = Please try again
error-foreign-form = What you sent did not come from a page that we showed to you just now, so nothing was done.
error-not-found-title = There is nothing here
error-not-found = Please check the address.
error-not-allowed-title = You may not do this
error-not-allowed = Your account has no permission for it.
error-too-many-attempts-title = Please wait a little
error-unavailable-title = We cannot answer right now
error-unavailable = You are not signed out, and nothing is lost. Please try again in a moment.
error-internal-title = Something went wrong
error-internal = The mistake is ours. Please try again; if it happens again, tell us.
error-again = Begin again
error-phrase = What happened
error-id = Number for support
error-support = If you ask for help, give this number.

form-post-title = One moment
form-post-lead = Taking you back to { $app }
form-post-by-hand = Your browser runs no scripts here, so please press the button.
form-post-button = Continue
