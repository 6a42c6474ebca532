// `POST /api/orchestrator/webhook`: Orchestrator's signed events, written into the documents of their tasks.
import { change, findShown, touch } from './documents.mjs'
import { registerOutputs } from './outputs.mjs'
import { isSigned } from './signature.mjs'
import { STATUSES, before, beforeProgress, fieldsOf } from './state.mjs'

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
async function receive(payload, { collection, links, client }, { type, data: told }) {
  const status = String(type).replace(/^task\./, '')
  if (status !== 'progress' && !STATUSES.includes(status)) return 'ignored'
  const doc = await findShown(payload, collection, told)
  if (!doc) return 'ignored'
  const written = status === 'progress' ? showProgress : showStatus
  return (await written(payload, { collection, links, client }, { doc, told })) ? 'shown' : 'known'
}

async function showStatus(payload, { collection, links, client }, { doc, told }) {
  const data = { ...fieldsOf(told), seq: told.seq, ...(told.epoch ? { epoch: told.epoch } : {}) }
  if (links && client && told.outputs?.length) {
    data.links = await registerOutputs(payload, { links, collection, doc, outputs: told.outputs })
  }
  const claim = { generation: told.generation, seq: told.seq }
  return change(payload, collection, { id: doc.id, where: before(data), claim, data })
}

/** It is no state: no hook hears of it, and no version is kept. */
async function showProgress(payload, { collection }, { doc, told }) {
  const progress = told.progress.fraction
  return touch(payload, collection, { id: doc.id, where: beforeProgress({ ...told, progress }), data: { progress } })
}
