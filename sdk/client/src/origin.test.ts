/** Addresses that only look like those of an allowed origin. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { openOrigins } from './origin.js'

const isOurs = openOrigins({ origins: ['https://api.example.com', 'http://localhost:8080/', 'https://[::1]:9443'] })

describe('the token goes to', () => {
  test.each([
    'https://api.example.com',
    'https://api.example.com/orders?id=1#top',
    'HTTPS://API.Example.COM/orders',
    'https://api.example.com:443/orders',
    'https://api.example.com?to=https://evil.example',
    'http://localhost:8080/orders',
    'https://[::1]:9443/orders',
  ])('%s', (address) => expect(isOurs(address)).toBe(true))
})

describe('the token does not go to', () => {
  test.each([
    ['another scheme', 'http://api.example.com/orders'],
    ['another port', 'https://api.example.com:8443/orders'],
    ['a host that begins alike', 'https://api.example.com.evil.example/'],
    ['a host that ends alike', 'https://evil-api.example.com/'],
    ['whom a user name hides', 'https://api.example.com@evil.example/'],
    ['whom a password hides', 'https://api.example.com:443@evil.example/'],
    ['a user name at the right host', 'https://user@api.example.com/'],
    ['a backslash before the user name', 'https://api.example.com\\@evil.example/'],
    ['a backslash for a slash', 'https:\\\\evil.example/api.example.com'],
    ['a dot at the end', 'https://api.example.com./orders'],
    ['an escape in the host', 'https://ap%69.example.com/'],
    ['a tab in the host', 'https://api.example.com\t.evil.example/'],
    ['a line end in the host', 'https://api.example.com\n@evil.example/'],
    ['a space before it', ' https://api.example.com/'],
    ['an address without scheme', '//api.example.com/orders'],
    ['one slash', 'https:/api.example.com/orders'],
    ['a path, where there is no page', '/orders'],
    ['nothing', ''],
    ['a port with zeros', 'https://api.example.com:0443/'],
    ['data', 'data:text/plain,https://api.example.com/'],
  ])('%s', (_, address) => expect(isOurs(address)).toBe(false))
})

test.each(['*', 'api.example.com', 'https://api.example.com/v1', 'https://*', 'ftp://api.example.com', ''])(
  '"%s" is no origin', (origin) => {
    const open = () => openOrigins({ origins: [origin] })
    if (origin === 'https://*') expect(open()('https://api.example.com/')).toBe(false)
    else expect(open).toThrow(expect.objectContaining({ code: 'config' }))
  },
)

describe('in a page, an address without host is the page\'s', () => {
  afterEach(() => vi.unstubAllGlobals())

  test.each([
    ['https://api.example.com/app/', '/orders', true],
    ['https://evil.example/', '/orders', false],
    ['https://api.example.com/app/', '//evil.example/', false],
    ['https://api.example.com/app/', '/\\evil.example/', false],
    ['https://api.example.com/app/', '/\t/evil.example/', false],
    ['https://api.example.com/app/', 'orders', false],
  ])('at %s, %s: %s', (baseURI, address, ours) => {
    vi.stubGlobal('document', { baseURI })
    expect(isOurs(address)).toBe(ours)
  })
})
