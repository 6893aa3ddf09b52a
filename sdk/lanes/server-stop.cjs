module.exports = () => globalThis.menshenServer.stop()
