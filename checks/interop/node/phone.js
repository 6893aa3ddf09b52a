// What a phone gives to expo-auth-session: its system, its randomness, and the browser in which
// people sign in.

import { createHash, webcrypto } from "node:crypto";
import { Walker } from "./walker.js";

globalThis.__DEV__ = true;

export const Platform = { OS: "android", select: (choice) => choice.android ?? choice.default };

export class CodedError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export const CryptoDigestAlgorithm = { SHA256: "sha256" };
export const CryptoEncoding = { BASE64: "base64", HEX: "hex" };
export const getRandomValues = (array) => webcrypto.getRandomValues(array);
export const digestStringAsync = async (algorithm, text, { encoding }) =>
  createHash(algorithm).update(text).digest(encoding);

// The browser of the phone, which keeps its cookies from one sign-in to the next.
export const browser = new Walker();

export async function openAuthSessionAsync(url) {
  return { type: "success", url: (await browser.signIn(url)).href };
}
