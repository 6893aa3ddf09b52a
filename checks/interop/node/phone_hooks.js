// Lets Node load expo-auth-session as a phone's bundler does: its files are modules that name
// others without an ending, and what the phone provides is phone.js.

const OURS = new Set(["react-native", "expo-modules-core", "expo-crypto", "expo-web-browser"]);

export function resolve(specifier, context, next) {
  if (OURS.has(specifier)) return next(new URL("phone.js", import.meta.url).href, context);
  const inside = context.parentURL?.includes("/expo-auth-session/build/");
  return next(inside && specifier.startsWith("./") ? `${specifier}.js` : specifier, context);
}

export function load(url, context, next) {
  const inside = url.includes("/expo-auth-session/build/");
  return next(url, inside ? { ...context, format: "module" } : context);
}
