import { expect, test } from 'vitest'
import { encode, queryOf } from './wire.js'

test('a form keeps every character of its values, and leaves out what is not given', () => {
  const form = encode({ token: 'a+b/c==&d', scope: 'openid profile', nothing: undefined })
  expect(form).toBe('token=a%2Bb%2Fc%3D%3D%26d&scope=openid%20profile')
  expect(queryOf(`https://app.example/?${form}`).get('token')).toBe('a+b/c==&d')
})
