// Serves Payload's REST API with nothing but Node's http module: for tests and the embedded stack.
//
//   PAYLOAD_SECRET=… PAYLOAD_API_KEY=… node dev/server.mjs --data DIR [--port 0] [--hook-delay MS]
//     [--api-path /api] [--key-collection users]
//
// Everything it stores lies in DIR; the first start makes a user with that API key. The plugin is told of a node by
// ORCHESTRATOR_URL, ORCHESTRATOR_API_KEY and ORCHESTRATOR_WEBHOOK_SECRET. When it answers, it prints
//   {"ready":true,"url":"http://127.0.0.1:PORT/api"}
// It stops on SIGTERM or SIGINT.
process.env.NODE_ENV ??= 'test' // 'test' creates the schema and opens no hot-reload socket
process.env.PAYLOAD_DISABLE_DEPENDENCY_CHECKER ??= 'true'

import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'

const { values: args } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    data: { type: 'string' },
    'id-type': { type: 'string', default: 'number' },
    'api-path': { type: 'string', default: '/api' },
    'key-collection': { type: 'string', default: 'users' },
    'hook-delay': { type: 'string', default: '0' },
    'log-level': { type: 'string', default: 'info' },
  },
})
const { PAYLOAD_SECRET: secret, PAYLOAD_API_KEY: apiKey, PAYLOAD_PASSWORD: password } = process.env
if (!args.data || !secret || !apiKey) {
  console.error('needed: --data DIR, and PAYLOAD_SECRET and PAYLOAD_API_KEY in the environment')
  process.exit(2)
}

const { getPayload, handleEndpoints } = await import('payload')
const { makeConfig } = await import('./payload.config.mjs')

async function seed(payload) {
  const { totalDocs } = await payload.count({ collection: args['key-collection'] })
  if (totalDocs > 0) return
  const user = { email: 'orchestrator@example.com', password: password ?? apiKey, enableAPIKey: true, apiKey }
  await payload.create({ collection: args['key-collection'], data: user })
  await payload.create({ collection: 'projects', data: { name: 'Demo', slug: 'demo' } })
}

// The body as a web stream. When Payload stops reading early (a 413, say), the rest is read and thrown away, so
// that a client which writes its whole request before it reads the answer (httpx does) gets that answer and not a
// time-out.
function bodyOf(req) {
  let wanted = true
  return new ReadableStream(
    {
      start(controller) {
        req.on('data', (chunk) => {
          if (!wanted) return
          controller.enqueue(new Uint8Array(chunk))
          if (controller.desiredSize <= 0) req.pause()
        })
        req.once('end', () => wanted && controller.close())
        req.once('error', (error) => wanted && controller.error(error))
      },
      pull() {
        req.resume()
      },
      cancel() {
        wanted = false
        req.resume()
      },
    },
    { highWaterMark: 4 },
  )
}

function toRequest(req, origin) {
  const hasBody = 'content-length' in req.headers || 'transfer-encoding' in req.headers
  const headers = new Headers()
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    headers.append(req.rawHeaders[i], req.rawHeaders[i + 1])
  }
  return new Request(new URL(req.url, origin), {
    method: req.method,
    headers,
    ...(hasBody && !['GET', 'HEAD'].includes(req.method) ? { body: bodyOf(req), duplex: 'half' } : {}),
  })
}

async function send(req, res, answer) {
  const headers = {}
  answer.headers.forEach((value, name) => (headers[name] = value))
  const cookies = answer.headers.getSetCookie()
  if (cookies.length > 0) headers['set-cookie'] = cookies
  res.writeHead(answer.status, headers)
  if (answer.body && req.method !== 'HEAD') await pipeline(Readable.fromWeb(answer.body), res)
  else {
    await answer.body?.cancel()
    res.end()
  }
}

const dataDir = path.resolve(args.data)
fs.mkdirSync(path.join(dataDir, 'media'), { recursive: true })
const config = await makeConfig({
  dataDir,
  secret,
  node: {
    url: process.env.ORCHESTRATOR_URL,
    apiKey: process.env.ORCHESTRATOR_API_KEY,
    webhookSecret: process.env.ORCHESTRATOR_WEBHOOK_SECRET,
  },
  idType: args['id-type'],
  apiPath: args['api-path'],
  keyCollection: args['key-collection'],
  hookDelayMs: Number(args['hook-delay']),
  logLevel: args['log-level'],
  onInit: seed,
})
const payload = await getPayload({ config, cron: true })

const server = http.createServer(async (req, res) => {
  try {
    const request = toRequest(req, `http://${req.headers.host ?? 'localhost'}`)
    await send(req, res, await handleEndpoints({ config, request }))
    req.resume() // whatever Payload left unread
  } catch (error) {
    payload.logger.error({ err: error }, 'request failed outside Payload')
    if (res.headersSent) res.destroy()
    else res.writeHead(500, { 'content-type': 'application/json' }).end('{"errors":[{"message":"internal"}]}')
  }
})

async function stop() {
  server.close()
  server.closeAllConnections()
  await payload.destroy?.()
  process.exit(0)
}
process.on('SIGTERM', stop)
process.on('SIGINT', stop)

server.listen(Number(args.port), args.host, () => {
  console.log(JSON.stringify({ ready: true, url: `http://${args.host}:${server.address().port}${args['api-path']}` }))
})
