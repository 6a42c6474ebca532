// Files that a task made, as documents that say where they are.

/**
 * The ids of the documents of a task's outputs, in their order; those that are missing are made.
 * @param {import('payload').Payload} payload
 * @param {{ links: string, collection: string, doc: { id: string | number }, told: Record<string, any> }} of
 */
export async function registerOutputs(payload, { links, collection, doc, told }) {
  const ids = []
  for (const output of told.outputs ?? []) {
    const data = {
      externalId: `${told.id}/${output.name}`, // a task succeeds once
      url: `${payload.config.serverURL}${payload.config.routes.api}${pathOf(collection, doc.id, output.name)}`,
      mimeType: output.content_type,
      filesize: output.size_bytes,
    }
    ids.push(await findOrCreate(payload, links, data))
  }
  return ids
}

const pathOf = (collection, id, name) => `/${collection}/${id}/outputs/${encodeURIComponent(name)}`

async function findOrCreate(payload, collection, data) {
  const where = { externalId: { equals: data.externalId } }
  const find = async () => (await payload.find({ collection, where, depth: 0, limit: 1, pagination: false })).docs[0]
  const found = await find()
  if (found) return found.id
  try {
    return (await payload.create({ collection, data, depth: 0 })).id
  } catch (error) {
    const other = await find() // somebody was quicker
    if (!other) throw error
    return other.id
  }
}

/**
 * `GET /api/<collection>/<id>/outputs/<name>`, for whoever may read the document: to the file itself. Orchestrator's
 * links end after a while, so each look asks for a fresh one.
 * @param {{ client: import('./client.mjs').Client }} sending
 */
export function buildOutputEndpoint({ client }) {
  return {
    path: '/:id/outputs/:name',
    method: 'get',
    handler: async (req) => {
      const { id, name, collection } = req.routeParams
      const doc = await req.payload.findByID({ collection, id, depth: 0, overrideAccess: false, req })
      const task = doc.externalId && (await client.look(doc.externalId))
      const output = task?.outputs.find((/** @type {{ name: string }} */ each) => each.name === name)
      if (!output) return Response.json({ errors: [{ message: 'Not Found' }] }, { status: 404 })
      return new Response(null, { status: 302, headers: { location: output.url, 'cache-control': 'no-store' } })
    },
  }
}
