// The SDK is linked from ../../sdk: Metro watches it there, and whatever it asks for beside its own
// files comes from this app, so that there is one React and one client.
const { getDefaultConfig } = require('expo/metro-config')
const path = require('node:path')

const config = getDefaultConfig(__dirname)
const sdk = path.resolve(__dirname, '../../sdk')
const here = path.join(__dirname, 'package.json')

config.watchFolders = [...(config.watchFolders ?? []), sdk]
config.resolver.resolveRequest = (context, name, platform) => {
  const isFromSdk = context.originModulePath.startsWith(sdk + path.sep) && !/^[./]/.test(name)
  return context.resolveRequest(isFromSdk ? { ...context, originModulePath: here } : context, name, platform)
}

module.exports = config
