// A file of Payload as an object of Orchestrator's storage: for a node that has no key to this Payload.
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { createLocalReq } from 'payload'
import { Refused } from './client.mjs'

const PATIENCE_MS = 600_000 // for a part, of 100 MB at most

/**
 * Upload the file of a document, and say the key of its object. One that no task uses after all is swept by itself.
 * @param {import('payload').Payload} payload
 * @param {import('./client.mjs').Client} client
 * @param {{ collection: string, doc: Record<string, any> }} of
 * @returns {Promise<string>}
 */
export async function sendFile(payload, client, { collection, doc }) {
  if (!doc.filename) throw new Refused({ code: 'input_not_found', message: `the document in ${collection} has no file` })
  const { filename, mimeType, filesize } = doc
  const source = await openFile(payload, collection, doc)
  const upload = await client.offer({ filename, content_type: mimeType, size_bytes: filesize })
  let number = 0
  for await (const part of cut(source, upload.part_size_bytes ?? filesize)) {
    number += 1
    await put(upload.url ? upload : await client.offerPart(upload.id, number), part)
  }
  if (!upload.url) await client.complete(upload.id)
  return upload.object
}

/**
 * The bytes of a file, from wherever the collection keeps it: as `GET /api/<collection>/file/<name>` does it.
 * @returns {Promise<AsyncIterable<Uint8Array>>}
 */
async function openFile(payload, collection, doc) {
  const { handlers = [], staticDir = collection } = payload.collections[collection].config.upload
  const req = await createLocalReq({}, payload)
  const params = { collection, filename: doc.filename, prefix: doc.prefix }
  for (const handler of handlers) {
    const answer = await handler(req, { doc, headers: new Headers(), params })
    if (answer instanceof Response) return bodyOf(answer)
  }
  return createReadStream(path.resolve(staticDir, doc.filename))
}

/** Storage with signed downloads answers where the file is. */
async function bodyOf(answer) {
  const location = answer.headers.get('location')
  const found = location ? await fetch(location, { signal: AbortSignal.timeout(PATIENCE_MS) }) : answer
  if (!found.ok || !found.body) throw new Error(`the file cannot be read: its storage answered ${found.status}`)
  return found.body
}

/** Pieces of one size, and the rest. No more than one of them is in memory. */
async function* cut(source, size) {
  let [held, bytes] = [[], 0]
  for await (let chunk of source) {
    for (; bytes + chunk.length >= size; [held, bytes] = [[], 0]) {
      const rest = size - bytes
      yield Buffer.concat([...held, chunk.subarray(0, rest)])
      chunk = chunk.subarray(rest)
    }
    held.push(chunk)
    bytes += chunk.length
  }
  if (bytes > 0) yield Buffer.concat(held)
}

async function put({ url, headers: given }, body) {
  const headers = new Headers(given)
  headers.delete('content-length') // `fetch` says it itself, and takes no second one
  const answer = await fetch(url, { method: 'PUT', headers, body, signal: AbortSignal.timeout(PATIENCE_MS) })
  if (!answer.ok) throw new Error(`Orchestrator's storage answered ${answer.status}`)
}
