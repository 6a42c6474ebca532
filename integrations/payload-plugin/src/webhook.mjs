// `POST /api/orchestrator/webhook`: Orchestrator's signed events, written into the documents of their tasks.
import { change, findShown, touch } from './documents.mjs'
import { registerOutputs } from './outputs.mjs'
import { isSigned } from './signature.mjs'
import { STATUSES, before, beforeProgress, fieldsOfEvent } from './state.mjs'

const MOST_BYTES = 256 * 1024 // Orchestrator sends less than 20 kB

/**
 * @param {{ collection: string, links: string | null, secrets: Buffer[], client: object | null }} receiving
 * @returns {import('payload').Endpoint}
 */
export function buildWebhook(receiving) {
  return {
    path: '/orchestrator/webhook',
    method: 'post',
    handler: async (req) => {
      const body = await readBody(req)
      if (!body) return answer(413, 'the message is too large')
      if (!isSigned(body, req.headers, receiving.secrets)) return answer(401, 'the signature does not fit')
      const outcome = await receive(req.payload, receiving, JSON.parse(body.toString()))
      return Response.json({ outcome })
    },
  }
}

const answer = (status, message) => Response.json({ errors: [{ message }] }, { status })

/** The body, byte by byte as it was signed; null if it is too long. */
async function readBody(req) {
  const chunks = []
  let size = 0
  for await (const chunk of req.body ?? []) {
    size += chunk.length
    if (size > MOST_BYTES) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * What became of an event: `shown`, `known` (the document shows that or something later), or `ignored`: of another
 * kind, or of a task without a document here. All three are taken; only what fails is to come again.
 * @param {import('payload').Payload} payload
 */
async function receive(payload, { collection, links, client }, { type, timestamp, data }) {
  const kind = /^task\.(\w+)$/.exec(type)?.[1] ?? ''
  if (kind !== 'progress' && !STATUSES.includes(kind)) return 'ignored'
  const told = data.truncated && client ? await complete(client, data) : data
  const doc = await findShown(payload, collection, told)
  if (!doc) return 'ignored'
  const isNews =
    kind === 'progress'
      ? await showProgress(payload, collection, { doc, told })
      : await showStatus(payload, { collection, links: client && links }, { doc, told, at: timestamp })
  return isNews ? 'shown' : 'known'
}

/** An event is small: what it had to leave out, the task has. */
async function complete(client, data) {
  const task = (await client.look(data.id)) ?? {}
  return { ...data, ...Object.fromEntries(data.truncated.map((/** @type {string} */ name) => [name, task[name]])) }
}

async function showStatus(payload, { collection, links }, { doc, told, at }) {
  const data = fieldsOfEvent(at, told)
  if (links && data.status === 'succeeded') data.links = await registerOutputs(payload, { links, collection, doc, told })
  const claim = { generation: told.generation, seq: told.seq }
  return change(payload, collection, { id: doc.id, where: before(data), claim, data })
}

/** It is no state: no hook hears of it, and no version is kept. */
function showProgress(payload, collection, { doc, told }) {
  const progress = told.progress.fraction
  return touch(payload, collection, { id: doc.id, where: beforeProgress({ ...told, progress }), data: { progress } })
}
