// What is sent to Orchestrator, from Payload's own jobs queue: hooks run before the commit, so a hook sends nothing.
import { Refused } from './client.mjs'
import { LABEL, change, findDocument, touch } from './documents.mjs'
import { sendFile } from './files.mjs'
import { WAITING, beforeView, fieldsOfTask, hasEnded, isWaiting } from './state.mjs'

export const QUEUE = 'orchestrator'
export const SUBMIT = 'orchestratorSubmit'
export const ACT = 'orchestratorAct'
export const ACTIONS = ['cancel', 'retry', 'refresh']
const ONE_MINUTE_MS = 60_000
const MOST_REQUEUED = 500

/**
 * @typedef {{ collection: string, client: import('./client.mjs').Client | null, attempts: number, delayMs: number,
 *   submission: (task: object, doc: Record<string, any>) => object, links: string | null,
 *   sendFiles: boolean }} Sending
 */

/** @param {Sending} sending @returns {import('payload').TaskConfig<any>[]} */
export function buildTasks(sending) {
  const retries = { attempts: sending.attempts, backoff: { type: 'exponential', delay: sending.delayMs } }
  const task = (slug, send) => ({
    slug,
    retries,
    handler: async ({ input, job, req: { payload } }) => {
      if (!sending.client) throw new Error('orchestrator: there is no url or no apiKey any more')
      const doc = await findDocument(payload, sending.collection, input.id)
      if (doc) await send(sending, { payload, doc, job, action: input.action })
      return { output: {} }
    },
  })
  return [task(SUBMIT, submit), task(ACT, act)]
}

/** In the transaction of `req`: what is rolled back is not sent. */
export const enqueue = (req, task, input) => req.payload.jobs.queue({ task, queue: QUEUE, input, req })

/**
 * Documents whose turn in the queue was lost with a process that was killed: Payload never takes such a job up again.
 * @param {import('payload').Payload} payload @param {string} collection
 */
export async function requeue(payload, collection) {
  const long = { createdAt: { less_than: new Date(Date.now() - ONE_MINUTE_MS).toISOString() } }
  const where = { and: [WAITING, long] }
  const { docs } = await payload.find({ collection, where, depth: 0, limit: MOST_REQUEUED, pagination: false })
  for (const { id } of docs) await payload.jobs.queue({ task: SUBMIT, queue: QUEUE, input: { id } })
}

async function submit(sending, { payload, doc, job }) {
  if (!isWaiting(doc)) return
  const { collection, client } = sending
  try {
    const body = sending.submission(await renderTask(payload, sending, doc), doc)
    const task = await client.submit(body, keyOf(collection, doc)).catch((error) => adopt(client, doc, error))
    await settle(sending, { payload, doc, task })
  } catch (error) {
    const last = error instanceof Refused || (job.totalTried ?? 0) >= sending.attempts
    await tell(payload, collection, { doc, error, last })
    if (!(error instanceof Refused)) throw error
  }
}

/** A document has one task for ever, so one key; `createdAt` is for databases that begin again with id 1. */
export const keyOf = (collection, doc) => `payload:${collection}:${doc.id}:${Date.parse(doc.createdAt)}`

/** The task of the document. An input lies in Payload, on the web, or in Orchestrator's storage; or there is none. */
async function renderTask(payload, sending, doc) {
  return {
    type: doc.type,
    params: doc.params ?? {},
    input: await renderInput(payload, sending, doc),
    labels: { [LABEL]: String(doc.id) },
  }
}

async function renderInput(payload, { links, client, sendFiles }, { input, inputUrl, inputObject }) {
  if (input) {
    const { relationTo, value } = input
    if (relationTo !== links && !sendFiles) return { payload: { collection: relationTo, id: value } }
    const doc = await findInput(payload, relationTo, value)
    return relationTo === links ? { url: doc.url } : { object: await sendFile(payload, client, { collection: relationTo, doc }) }
  }
  if (inputUrl) return { url: inputUrl }
  return inputObject ? { object: inputObject } : null
}

async function findInput(payload, collection, id) {
  const doc = await findDocument(payload, collection, id)
  if (!doc) throw new Refused({ code: 'input_not_found', message: `there is no document ${id} in ${collection} any more` })
  return doc
}

/** An answer was lost, and the document has changed since: what was submitted then is its task. */
async function adopt(client, doc, error) {
  const task = error.code === 'idempotency_conflict' && (await client.find(LABEL, String(doc.id)))
  if (!task) throw error
  return task
}

/** Write which task it is, and nothing else: the first delivery may have come before. */
async function settle({ collection, client }, { payload, doc, task }) {
  const fields = { externalId: task.id, error: null }
  if (await touch(payload, collection, { id: doc.id, where: WAITING, data: fields })) return
  const now = await findDocument(payload, collection, doc.id)
  if (now && now.externalId) return
  if (now) await touch(payload, collection, { id: doc.id, data: { externalId: task.id } })
  await client.cancel(task.id) // it was canceled or deleted while the request was on its way
}

/** Say in the document why it waits still, or that it will not be tried again. */
async function tell(payload, collection, { doc, error, last }) {
  const why = [error.message, error.cause?.message].filter(Boolean).join(': ') // `fetch` says there what failed
  const said = { code: error.code ?? 'unreachable', message: why, retryable: !(error instanceof Refused) }
  if (!last) return touch(payload, collection, { id: doc.id, where: WAITING, data: { error: said } })
  const data = { status: 'failed', error: said, completedAt: new Date().toISOString() }
  return change(payload, collection, { id: doc.id, where: WAITING, claim: { error: said }, data })
}

async function act({ collection, client }, { payload, doc, action }) {
  if (!doc.externalId) return actAlone(payload, collection, { doc, action })
  const task = await ask(client, doc, action)
  if (task) await showView(payload, collection, { doc, task })
}

/** There is no task yet: nobody has to be asked. */
async function actAlone(payload, collection, { doc, action }) {
  const claim = { error: null }
  if (action === 'cancel') {
    const data = { status: 'canceled', completedAt: new Date().toISOString(), error: null }
    await change(payload, collection, { id: doc.id, where: WAITING, claim, data })
  } else if (action === 'retry' && hasEnded(doc)) {
    const data = { status: 'queued', completedAt: null, error: null }
    await change(payload, collection, { id: doc.id, where: { externalId: { exists: false } }, claim, data })
  }
}

/** What is refused was too late, so the task as it is now is the answer; none if it is past its retention. */
async function ask(client, doc, action) {
  try {
    if (action === 'cancel') return await client.cancel(doc.externalId)
    if (action === 'retry') return await client.retry(doc.externalId, doc.generation)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
  }
  return client.look(doc.externalId)
}

/** @param {import('payload').Payload} payload */
function showView(payload, collection, { doc, task }) {
  const data = fieldsOfTask(task)
  const claim = { generation: task.generation, ...(task.generation > (doc.generation ?? 0) ? { seq: 0 } : {}) }
  return change(payload, collection, { id: doc.id, where: beforeView(data), claim, data })
}
