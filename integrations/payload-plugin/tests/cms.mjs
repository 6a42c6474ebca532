// A real Payload with the plugin, in this process: the project of dev/ on a new database.
process.env.NODE_ENV = 'test' // creates the schema, and opens no hot-reload socket
process.env.PAYLOAD_DISABLE_DEPENDENCY_CHECKER = 'true'

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const API_KEY = 'key-of-orchestrator'
const PATIENCE_MS = 30_000

/** @param {object} node what the plugin is told @param {{ idType?: string, hookDelayMs?: number }} [options] */
export async function startCms(node, { idType = 'number', hookDelayMs = 20 } = {}) {
  const { getPayload, handleEndpoints } = await import('payload')
  const { makeConfig } = await import('../dev/payload.config.mjs')
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'orchestrator-plugin-'))
  const users = [
    { email: 'editor@example.com', password: 'editor-password' },
    { email: 'service@example.com', password: 'service-password', enableAPIKey: true, apiKey: API_KEY },
  ]
  const onInit = async (payload) => {
    for (const data of users) await payload.create({ collection: 'users', data })
  }
  const config = await makeConfig({ dataDir, secret: 'secret', node, idType, hookDelayMs, logLevel: 'fatal', onInit })
  const payload = await getPayload({ config, key: dataDir })
  // As several processes would: a run that takes long holds up no other.
  const run = () => payload.jobs.run({ queue: 'orchestrator', limit: 20, silent: true }).catch(() => {})
  const runs = setInterval(run, 100)

  const keys = { service: `users API-Key ${API_KEY}` }

  /** A request to its REST API, by an editor, by Orchestrator, or by nobody. */
  async function ask(route, { as = 'editor', headers, body, ...init } = {}) {
    const request = new Request(`http://cms.example/api${route}`, {
      ...init,
      headers: { 'content-type': 'application/json', ...(keys[as] ? { authorization: keys[as] } : {}), ...headers },
      body: typeof body === 'object' ? JSON.stringify(body) : body,
    })
    return handleEndpoints({ config, request, payloadInstanceCacheKey: dataDir })
  }
  const login = await ask('/users/login', { method: 'POST', as: 'nobody', body: users[0] })
  keys.editor = `JWT ${(await login.json()).token}`

  return {
    payload,
    ask,
    async save(data, id) {
      const answer = await ask(`/inference-jobs${id ? `/${id}` : ''}`, { method: id ? 'PATCH' : 'POST', body: data })
      const said = await answer.json()
      if (!answer.ok) throw new Error(JSON.stringify(said))
      return said.doc
    },
    look: ({ id }) => payload.findByID({ collection: 'inference-jobs', id, depth: 0, trash: true }),
    /** The document, once it is as wanted. */
    async until(doc, isSo) {
      const end = Date.now() + PATIENCE_MS
      for (;;) {
        const now = await this.look(doc)
        if (await isSo(now)) return now
        if (Date.now() > end) throw new Error(`not yet: ${JSON.stringify(now)}`)
        await sleep(25)
      }
    },
    async stop() {
      clearInterval(runs)
      await payload.destroy()
      fs.rmSync(dataDir, { recursive: true })
    },
  }
}
