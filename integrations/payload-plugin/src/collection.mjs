// The collection of jobs: one document for each task. What Orchestrator says in it, people read and don't write.
import { OURS } from './documents.mjs'
import { ACT, ACTIONS, SUBMIT, enqueue } from './queue.mjs'
import { STATUSES, hasEnded, isWaiting } from './state.mjs'

/**
 * @typedef {{ slug: string, taskTypes?: string[], media: string | null, links: string | null,
 *   isService: (args: { req: import('payload').PayloadRequest }) => boolean }} Shape
 */

/** @param {Shape & { sends: boolean }} shape @returns {import('payload').CollectionConfig} */
export function buildCollection(shape) {
  return {
    slug: shape.slug,
    labels: { singular: 'Inference job', plural: 'Inference jobs' },
    admin: { useAsTitle: 'externalId', defaultColumns: ['externalId', 'type', 'status', 'progress', 'updatedAt'] },
    versions: { maxPerDoc: 20 },
    trash: true, // what is thrown away still holds its externalId
    lockDocuments: false, // an open form must not keep results out
    hooks: { afterChange: shape.sends ? [sendChange(shape)] : [] },
    endpoints: shape.sends ? ACTIONS.map(actEndpoint) : [],
    fields: [...askedFields(shape), actionField, ...toldFields(shape)],
  }
}

/** Files that lie elsewhere: only where they are. @returns {import('payload').CollectionConfig} */
export function buildLinks(slug) {
  return {
    slug,
    admin: { useAsTitle: 'externalId', defaultColumns: ['externalId', 'mimeType', 'filesize'] },
    fields: [
      { name: 'externalId', type: 'text', required: true, unique: true, index: true },
      { name: 'url', type: 'text', required: true },
      { name: 'mimeType', type: 'text' },
      { name: 'filesize', type: 'number', min: 0 },
    ],
  }
}

/** A collection of theirs that holds outputs: each has a name there, so that it is registered once. */
export function named(collection, isService) {
  if (collection.fields.some(({ name }) => name === 'externalId')) return collection
  const field = {
    name: 'externalId',
    type: 'text',
    unique: true,
    index: true,
    disableDuplicate: true,
    access: { create: isService, update: isService },
    admin: { hidden: true },
  }
  return { ...collection, fields: [...collection.fields, field] }
}

/** What a task is made of. It is read when it is sent, so it stands still from then on. */
function askedFields({ taskTypes, media, links, isService }) {
  const update = ({ req, doc }) => isService({ req }) || !doc?.externalId
  const inputs = [media, links].filter(Boolean)
  const type = taskTypes ? { type: 'select', options: taskTypes } : { type: 'text' }
  return [
    { name: 'type', ...type, required: true, index: true, access: { update } },
    ...(inputs.length ? [{ name: 'input', type: 'relationship', relationTo: inputs, access: { update } }] : []),
    { name: 'inputUrl', type: 'text', label: 'Input, by URL', access: { update } },
    { name: 'inputObject', type: 'text', label: 'Input, by key of storage', access: { update } },
    { name: 'params', type: 'json', access: { update } },
  ]
}

/** Chosen and saved, it is done, and forgotten: it has no column. */
const actionField = {
  name: 'action',
  type: 'select',
  options: ACTIONS,
  virtual: true,
  admin: {
    readOnly: false, // which a virtual field is otherwise
    position: 'sidebar',
    description: 'Done when the document is saved.',
    condition: (data) => Boolean(data?.id),
  },
}

function toldFields({ media, links, isService }) {
  const aside = { admin: { position: 'sidebar' } }
  const moment = { admin: { position: 'sidebar', date: { pickerAppearance: 'dayAndTime' } } }
  const hidden = { admin: { hidden: true } }
  const shownWith = (name) => ({ admin: { condition: (data) => [data?.[name] ?? []].flat().length > 0 } })
  const many = (name, relationTo) => ({ name, type: 'relationship', relationTo, hasMany: true, ...shownWith(name) })
  const fields = [
    { name: 'status', type: 'select', options: STATUSES, defaultValue: 'queued', required: true, index: true, ...aside },
    { name: 'progress', type: 'number', min: 0, max: 1, ...aside },
    { name: 'startedAt', type: 'date', ...moment },
    { name: 'completedAt', type: 'date', ...moment },
    { name: 'externalId', type: 'text', label: 'Task', unique: true, index: true, ...aside },
    { name: 'error', type: 'json', ...shownWith('error') },
    { name: 'result', type: 'json', ...shownWith('result') },
    ...(media ? [many('outputs', media)] : []),
    ...(links ? [many('links', links)] : []),
    { name: 'generation', type: 'number', min: 0, ...hidden },
    { name: 'epoch', type: 'number', min: 0, ...hidden },
    { name: 'seq', type: 'number', min: 0, ...hidden },
  ]
  return fields.map((field) => ({
    ...field,
    access: { create: isService, update: isService },
    disableDuplicate: true, // a copy is a new job
    admin: { ...field.admin, readOnly: true },
  }))
}

/** What a change asks for. Someone else's save may have put an older state back, so a task that runs is looked at. */
function sendChange({ isService }) {
  return async ({ doc, data, req, context }) => {
    const action = ACTIONS.includes(data?.action) ? data.action : undefined
    const meddled = !context[OURS] && !isService({ req }) && doc.externalId && !hasEnded(doc)
    if (isWaiting(doc) && action !== 'cancel') await enqueue(req, SUBMIT, { id: doc.id })
    if (action || meddled) await enqueue(req, ACT, { id: doc.id, action: action ?? 'refresh' })
    return doc
  }
}

/** `POST /api/<collection>/<id>/cancel`, for whoever may change the document. */
function actEndpoint(action) {
  return {
    path: `/:id/${action}`,
    method: 'post',
    handler: async (req) => {
      const { id, collection } = req.routeParams
      const update = { collection, id, data: { action }, depth: 0, overrideAccess: false, overrideLock: true, req }
      return Response.json({ doc: await req.payload.update(update) }, { status: 202 })
    },
  }
}
