// What Orchestrator says of a task, as fields of its document, and which of two states is the later one. It may be
// told twice, late and by several messengers; (generation, seq) orders it.

export const STATUSES = ['queued', 'running', 'succeeded', 'failed', 'canceled']
export const TERMINAL = ['succeeded', 'failed', 'canceled']

/** @param {{ status?: string }} doc */
export const hasEnded = (doc) => TERMINAL.includes(doc.status ?? '')

/**
 * Whether a document has yet to become a task.
 * @param {{ status?: string, externalId?: string | null, deletedAt?: string | null }} doc
 */
export const isWaiting = (doc) => doc.status === 'queued' && !doc.externalId && !doc.deletedAt

/** The documents for which `isWaiting` holds. */
export const WAITING = { and: [{ status: { equals: 'queued' } }, { externalId: { exists: false } }] }

/**
 * The fields that show a task as Orchestrator's API answers it. When it began, its runs know, and events tell.
 * @param {Record<string, any>} task
 */
export function fieldsOfTask(task) {
  const status = task.status === 'canceling' ? 'running' : task.status
  return {
    externalId: task.id,
    status,
    generation: task.generation,
    progress: task.progress.fraction,
    result: task.result,
    error: task.error,
    startedAt: task.started_at,
    completedAt: task.ended_at,
  }
}

/**
 * The fields that show what an event tells: only what is its own, the task has maybe gone on since.
 * @param {string} at @param {Record<string, any>} told
 */
export function fieldsOfEvent(at, told) {
  const ends = TERMINAL.includes(told.status)
  return {
    externalId: told.id,
    status: told.status,
    generation: told.generation,
    seq: told.seq,
    result: told.result ?? null,
    error: told.error ?? null,
    completedAt: ends ? at : null,
    ...(told.status === 'running' ? { startedAt: at, epoch: told.epoch } : {}),
    ...(told.status === 'succeeded' ? { progress: 1 } : ends ? {} : { progress: 0 }),
  }
}

/**
 * The documents that show an earlier state than that of `generation`, `seq` and `status`. One that has claimed the
 * number and not the status was cut off in between, and is written again; one that shows both is not.
 * @param {{ generation: number, seq: number, status: string }} state
 */
export function before({ generation, seq, status }) {
  const same = { generation: { equals: generation } }
  const open = TERMINAL.includes(status) ? [] : [{ status: { not_in: TERMINAL } }]
  return {
    or: [
      { generation: { exists: false } },
      { generation: { less_than: generation } },
      { and: [same, { seq: { exists: false } }, ...open] },
      { and: [same, { seq: { less_than: seq } }, ...open] },
      { and: [same, { seq: { equals: seq } }, { status: { not_equals: status } }, ...open] },
    ],
  }
}

/**
 * The same for what has no `seq`: what the API answers is now, but was it before or after the last event? A new
 * generation or an end is news in any case.
 * @param {{ generation: number, status: string }} state
 */
export function beforeView({ generation, status }) {
  const ends = { and: [{ generation: { equals: generation } }, { status: { not_in: TERMINAL } }] }
  return {
    or: [
      { generation: { exists: false } },
      { generation: { less_than: generation } },
      ...(TERMINAL.includes(status) ? [ends] : []),
    ],
  }
}

/**
 * The same for progress, which has the number of the line before it, and only ever grows between two lines.
 * @param {{ generation: number, seq: number, progress: number }} state
 */
export function beforeProgress({ generation, seq, progress }) {
  return {
    and: [
      { generation: { equals: generation } },
      { seq: { less_than_equal: seq } },
      { status: { not_in: TERMINAL } },
      { or: [{ progress: { exists: false } }, { progress: { less_than: progress } }] },
    ],
  }
}
