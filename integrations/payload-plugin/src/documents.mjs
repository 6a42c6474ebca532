// The documents of tasks: how one is found, and how a state is shown in it without an earlier one coming on top.
import { commitTransaction, createLocalReq, initTransaction, killTransaction } from 'payload'

/** Hooks see it in `req.context`: this change is the plugin's own. */
export const OURS = 'orchestrator'

/** Document → the last change to it in this process. */
const turns = new Map()

/**
 * Payload's update reads, merges and writes the whole document, so that of two that meet one would be lost.
 * @template T
 * @param {string} name @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function inTurn(name, work) {
  const turn = (turns.get(name) ?? Promise.resolve()).then(work)
  const settled = turn.catch(() => {})
  turns.set(name, settled)
  try {
    return await turn
  } finally {
    if (turns.get(name) === settled) turns.delete(name)
  }
}

/**
 * A document by its id, in the trash or not; null if there is none.
 * @param {import('payload').Payload} payload
 * @param {string} collection
 * @param {string | number} id as text, too: ids are numbers or text, by the database
 */
export async function findDocument(payload, collection, id) {
  const type = payload.collections[collection].customIDType ?? payload.db.defaultIDType
  const own = type === 'number' ? Number(id) : id
  if (Number.isNaN(own)) return null
  return payload.findByID({ collection, id: own, depth: 0, trash: true, disableErrors: true })
}

/**
 * The document that shows a task: it has the task's id, or the task was submitted for it and it shows no other. One that
 * was canceled meanwhile is not shown anything before its task is canceled, too, which its submit sees to.
 * @param {import('payload').Payload} payload
 * @param {string} collection
 * @param {{ id: string, labels?: Record<string, string> }} task
 */
export async function findShown(payload, collection, { id, labels }) {
  const where = { externalId: { equals: id } }
  const { docs } = await payload.find({ collection, where, depth: 0, limit: 1, pagination: false, trash: true })
  if (docs[0] || !labels?.[LABEL]) return docs[0] ?? null
  const named = await findDocument(payload, collection, labels[LABEL])
  return named && !named.externalId && named.status !== 'canceled' ? named : null
}

/** The label of a task that says for which document it was submitted (ADR 0036). */
export const LABEL = 'payload_document'

/**
 * Change a document if it still is as `where` says, and say whether it was. `claim` is written first, in the same
 * statement as the comparison; on a database with transactions others wait from then on until all is written. The
 * status is in `data`, for hooks that compare it with what it was.
 * @param {import('payload').Payload} payload
 * @param {string} collection
 * @param {{ id: string | number, where: object, claim: object, data: object }} change
 */
export function change(payload, collection, { id, where, claim, data }) {
  return inTurn(`${collection}/${id}`, async () => {
    const req = await createLocalReq({ context: { [OURS]: true } }, payload)
    const begun = await initTransaction(req)
    try {
      const still = { and: [{ id: { equals: id } }, where] }
      const claimed = await payload.db.updateOne({ collection, where: still, data: claim, req })
      if (claimed) await payload.update({ collection, id, data, depth: 0, overrideLock: true, trash: true, req })
      if (begun) await commitTransaction(req)
      return Boolean(claimed)
    } catch (error) {
      if (begun) await killTransaction(req)
      throw error
    }
  })
}

/**
 * Write these fields and no others: nobody else's change is lost, and no hook runs.
 * @param {import('payload').Payload} payload
 * @param {string} collection
 * @param {{ id: string | number, where?: object, data: object }} change
 */
export async function touch(payload, collection, { id, where = {}, data }) {
  const still = { and: [{ id: { equals: id } }, where] }
  return Boolean(await payload.db.updateOne({ collection, where: still, data }))
}
