# 页面上的中文文字：用语平实，句子简短，不责怪用户。

skip-to-content = 跳到正文
language = 语言
title-problem = 出现问题：
footer-privacy = 隐私
footer-terms = 条款
footer-support = 帮助

field-username = 用户名或邮箱
field-password = 密码
field-current-password = 当前密码
field-new-password = 新密码
field-email = 邮箱地址
field-name = 姓名
field-code = 验证码
field-user-code = 代码
new-password-hint = 至少 8 个字符。几个好记的词，胜过一个记不住的。

client-about = 关于 { $app }：
client-home = 网站
client-policy = 隐私政策
client-terms = 服务条款

sign-in-title = 登录
sign-in-to = 登录后继续使用 { $app }
sign-in-button = 登录
sign-in-question = 已有账号？
sign-in-link = 去登录
sign-up-question = 还没有账号？
sign-up-link = 注册
forgot-password-link = 忘记密码？
back-to-sign-in = 返回登录
other-account = 使用其他账号
not-you = 不是你？

reauthenticate-title = 请确认是你本人
reauthenticate-for-app = { $app } 需要你再输入一次密码才能继续。
reauthenticate-for-account = 请再输入一次密码，然后继续。
reauthenticate-button = 确认

enter-code-title = 输入验证码
enter-code-from-app = 请打开身份验证器应用，输入其中显示的验证码。
enter-code-from-mail = 我们已向你的邮箱发送验证码，{ $minutes } 分钟内有效。
enter-code-mail-to-come = 还需要再确认一次是你本人：我们会向你的邮箱发送验证码。
enter-code-recovery = 手机不在身边？也可以输入一个恢复码。
enter-code-button = 继续
enter-code-mail-button = 发送验证码
enter-code-mail-instead = 改为通过邮件接收验证码
enter-code-mail-again = 重新发送验证码

choose-account-title = 你已登录
choose-account-continue = 以 { $name } 的身份继续

problem-wrong-name-or-password = 用户名或密码不正确，请再试一次。
problem-wrong-code = 验证码错误、已被使用或已过期，请重试。
problem-begin-again = 等待时间过长，或验证码错误次数过多，请重新登录。
problem-wrong-password = 密码不正确，请再试一次。
problem-wait-seconds = 尝试次数过多，请在 { $count } 秒后再试。
problem-wait-minutes = 尝试次数过多，请在 { $count } 分钟后再试。
problem-busy = 现在登录的人很多，请稍后再试。
problem-invalid-email = 这不是有效的邮箱地址，请检查。
problem-password-too-short = 请设置至少 { $count } 个字符的密码。
problem-password-too-long = 密码太长，请设置短一些的密码。
problem-password-unchanged = 这是你原来的密码，请设置新密码。
problem-unknown-code = 没有这个代码，或者它已过期。请核对设备上显示的代码。

sign-up-title = 注册账号
sign-up-lead = 我们会给你发一封邮件，打开其中的链接即可继续。
sign-up-button = 发送链接
finish-sign-up-title = 就差一步
finish-sign-up-lead = 邮箱 { $email } 已确认。请填写姓名并设置密码。
finish-sign-up-button = 完成注册

mail-sent-title = 请查收邮件
mail-sent-sign-up = 我们已向 { $email } 发送邮件，请打开其中的链接继续。
mail-sent-reset = 如果 { $email } 在这里有账号，我们已向该账号的邮箱发送邮件。请打开其中的链接设置新密码。
mail-sent-how-long = 链接在 { $minutes } 分钟内有效。你可以关闭此页面。
mail-sent-question = 没有收到，垃圾邮件里也没有？
mail-sent-again = 再试一次

mail-reset-subject = 为 { $place } 设置新密码
mail-reset-lead = 有人为你在 { $place } 的账号 { $name } 申请设置新密码。如果是你本人，请打开此链接设置：
mail-sign-up-subject = 确认你在 { $place } 使用的邮箱
mail-sign-up-lead = 有人想用此邮箱在 { $place } 注册账号。如果是你本人，请打开此链接继续：
mail-known-subject = 你在 { $place } 已有账号
mail-known-lead = 有人想用此邮箱在 { $place } 注册账号，但它已有账号。如果是你本人，请在这里登录：
mail-known-forgot = 如果忘记了密码，可在这里设置新密码：
mail-how-long = 链接在 { $minutes } 分钟内有效，只能使用一次。
mail-keep-it = 请不要把链接交给任何人：任何打电话或发消息给你的人都不需要它。
mail-code-subject = 你在 { $place } 的验证码
mail-code-lead = 有人正在登录你在 { $place } 的账号。如果是你本人，请输入以下验证码：
mail-code-how-long = 验证码在 { $minutes } 分钟内有效，只能使用一次。
mail-code-keep-it = 请不要把验证码告诉任何人：任何打电话或发消息给你的人都不需要它。
mail-code-not-you = 如果不是你本人，说明有人知道你的密码：请尽快修改密码。
mail-not-you = 如果不是你本人，无需任何操作：一切都没有改变。

forgot-password-title = 忘记密码？
forgot-password-lead = 请填写你登录时使用的用户名或邮箱，我们会向你的邮箱发送链接，让你设置新密码。
forgot-password-button = 发送链接
reset-password-title = 设置新密码
reset-password-lead = 账号：{ $name }
reset-password-button = 保存密码
reset-password-note = 为了安全，你在所有设备上都会退出登录。
password-changed-title = 密码已修改
password-changed-lead = 用旧密码登录的设备都已退出登录。
password-changed-continue = 继续

consent-title = { $app } 请求访问你的账号
consent-gets = 如果你允许，{ $app } 将可以
consent-offline-access = 你不使用 { $app } 时，它仍会保留这些权限，直到你撤回。
consent-withdraw = 你随时可以在账号页面撤回。
consent-leads-to = 接下来将前往 { $host }。
consent-allow = 允许
consent-deny = 拒绝

scope-openid = 知道哪个账号是你的
scope-profile = 查看你的姓名、头像和其他个人资料
scope-email = 查看你的邮箱地址
scope-address = 查看你的通信地址
scope-phone = 查看你的电话号码
scope-offline-access = 在你不使用它时仍保留权限
scope-account = 管理你的账号：查看你的设备，并让它们退出登录
scope-other = 使用“{ $scope }”

device-enter-title = 连接设备
device-enter-lead = 请输入设备上显示的代码。
device-enter-compare = 你的设备上显示的是这个代码吗？
device-enter-button = 继续
device-warning = 只有当这是你自己在面前的设备上发起的操作时，才继续。任何打电话或发消息给你的人都不需要这个代码。
device-confirm-title = 在你的设备上登录 { $app }？
device-confirm-compare = 你的设备上应显示这个代码：
device-allowed-title = 设备已登录
device-allowed-lead = { $app } 会自动继续。你可以关闭此页面。
device-denied-title = 设备未登录
device-denied-lead = { $app } 没有获得权限。你可以关闭此页面。

confirm-sign-out-title = 要退出登录吗？
confirm-sign-out-lead = 你将在此浏览器中退出登录，用它打开的应用也会一并退出。
confirm-sign-out-for-app = { $app } 请求让你在此浏览器中退出登录，用它打开的应用也会一并退出。
sign-out-button = 退出登录
stay-button = 保持登录

signed-out-title = 你已退出登录
signed-out-device = { $name } 已在此设备上退出登录。
signed-out-everywhere = { $name } 已在所有设备上退出登录。
signed-out-apps = 同时有 { $count } 个应用失去了访问权限。
signed-out-nobody = 这里没有人登录。
signed-out-back = 返回 { $app }
signed-out-sign-in = 重新登录

reason-logout = 你退出了登录。
reason-logout-everywhere = 你在所有设备上退出了登录。
reason-remote-logout = 你在另一台设备上让这台设备退出了登录。
reason-token-revoked = 应用交还了它的访问权限。
reason-password-changed = 你的密码已修改。
reason-user-disabled = 你的账号已被停用。
reason-client-disabled = 这个应用不再被允许使用。
reason-admin = 管理员让你退出了登录。
reason-refresh-token-reuse = 有人使用了这台设备登录信息的旧副本，为了你的安全，登录已终止。
reason-authorization-code-reuse = 这次登录被使用了两次，为了你的安全，它已终止。
reason-signed-in-elsewhere = 你在另一台设备上登录了。
reason-session-limit = 你登录的设备太多了。
reason-account-switched = 另一个账号在这里登录了。
reason-consent-withdrawn = 你收回了这个应用的访问权限。
reason-idle-timeout = 应用有一段时间没有使用，因此你已退出登录。
reason-absolute-timeout = 到了重新登录的时间。
reason-claims-changed = 你的权限发生了变化。
reason-key-revoked = 一个签名密钥已被撤销。
reason-all-revoked = 为了安全，所有登录都已更新。

account-title = 你的账号
account-username = 用户名
account-email = 邮箱
account-devices = 你的设备
account-devices-lead = 你在这些设备上登录了。如果有不认识的设备，请让它退出登录，并修改密码。
account-apps = 有权访问的应用
account-apps-lead = 你允许这些应用使用你的账号。
account-apps-none = 没有应用可以使用你的账号。
account-password = 密码
account-password-lead = 修改密码后，所有设备都会退出登录。
account-password-button = 修改密码
device-nameless = 未命名的设备
device-current = 当前设备
device-last-seen = 上次使用
device-since = 登录日期
device-sign-out = 退出登录
device-sign-out-which = 让 { $device } 退出登录
device-sign-out-elsewhere = 让其他设备全部退出登录
app-since = 授权日期
app-may = 它可以做什么
app-withdraw = 撤回
app-withdraw-which = 撤回 { $app } 的访问权限
account-codes = 应用验证码
account-codes-lead = 输入密码后，再用手机上身份验证器应用中的验证码登录。即使有人知道你的密码，没有验证码也无法登录。
account-codes-since = 启用时间：
account-codes-left = { $count ->
    [0] 恢复码已用完，请重新生成。
   *[other] 还剩 { $count } 个恢复码。
}
account-codes-set-up = 设置应用
account-codes-fresh = 重新生成恢复码
account-codes-turn-off = 关闭
notice-codes-off = 现在只用密码即可登录。
back-to-account = 返回账号

set-up-codes-title = 设置你的应用
set-up-codes-lead = 请用身份验证器应用扫描此图，然后输入它显示的第一个验证码。
set-up-codes-picture = 供应用扫描的密钥二维码
set-up-codes-by-hand = 无法扫描？请在应用中输入此密钥：
set-up-codes-here = 应用就在这台设备上
set-up-codes-first = 第一个验证码
set-up-codes-button = 启用

recovery-codes-title = 你的恢复码
recovery-codes-lead = 如果手机丢失，可以用其中一个恢复码代替验证码登录。每个恢复码只能使用一次。
recovery-codes-note = 请现在打印或抄写下来：之后不会再次显示。以前的恢复码已失效。

notice-device-signed-out = 该设备已退出登录。
notice-signed-out-elsewhere = 其他设备已全部退出登录。
notice-access-withdrawn = 该应用已失去访问权限。
notice-password-changed = 密码已修改。

moment-now = 刚刚
moment-minutes = { $count } 分钟前
moment-hours = { $count } 小时前
moment-days = { $count } 天前
moment-date = { $year }年{ $month }{ $day }日
month-january = 1月
month-february = 2月
month-march = 3月
month-april = 4月
month-may = 5月
month-june = 6月
month-july = 7月
month-august = 8月
month-september = 9月
month-october = 10月
month-november = 11月
month-december = 12月

error-app-mistake-title = 这个应用无法让你登录
error-app-mistake = 应用发来的内容我们无法接受。这不是你的错，需要应用的开发者检查。
error-page-expired-title = 此页面已过期
error-page-expired = 它打开得太久，或者已经用过了。请回到应用重新开始。
error-link-expired-title = 此链接已失效
error-link-expired = 它已经用过，或者时间太久了。请重新获取链接。
error-foreign-form-title = 请再试一次
error-foreign-form = 你提交的内容不是来自我们刚刚显示的页面，因此没有执行任何操作。
error-not-found-title = 这里什么也没有
error-not-found = 请检查网址。
error-not-allowed-title = 你不能这样做
error-not-allowed = 你的账号没有这个权限。
error-too-many-attempts-title = 请稍等片刻
error-unavailable-title = 我们暂时无法响应
error-unavailable = 你没有退出登录，也没有丢失任何内容。请稍后再试。
error-internal-title = 出了点问题
error-internal = 这是我们的错误。请再试一次；如果再次出现，请告诉我们。
error-again = 重新开始
error-phrase = 发生了什么
error-id = 支持编号
error-support = 如需帮助，请提供这个编号。

form-post-title = 请稍候
form-post-lead = 正在返回 { $app }
form-post-by-hand = 你的浏览器未在此运行脚本，请按下面的按钮。
form-post-button = 继续
