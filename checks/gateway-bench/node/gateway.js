// The gateway that tutorials show: check the signature, then ask Redis whether the token was revoked.
'use strict'

const { readFileSync } = require('node:fs')
const express = require('express')
const jsonwebtoken = require('jsonwebtoken')
const { createClient } = require('redis')

const [port, redisUrl, keyFile] = process.argv.slice(2)
const key = readFileSync(keyFile)
const redis = createClient({ url: redisUrl })

const app = express()
app.disable('x-powered-by')
app.get('/orders', async (request, response) => {
  try {
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '')
    const claims = jsonwebtoken.verify(token, key, { algorithms: ['RS256'] })
    if (await redis.exists(`revoked:${claims.jti}`)) return response.sendStatus(401)
    response.set('x-auth-subject', claims.sub).send('ok')
  } catch {
    response.sendStatus(401)
  }
})

redis.connect().then(() => app.listen(Number(port), '127.0.0.1'))
