// The plugin in a real Payload whose saves interleave, against an Orchestrator that does as it is told.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { requeue } from '../src/queue.mjs'
import { startCms } from './cms.mjs'
import { FakeOrchestrator } from './fake_orchestrator.mjs'

const ECHO = { type: 'system.echo', params: { size_bytes: 7 } }
const AT = '2026-11-23T15:00:01.000Z'
const node = new FakeOrchestrator()
let cms

before(async () => {
  await node.start()
  cms = await startCms({ url: node.url, apiKey: node.apiKey, webhookSecret: node.whsec, delayMs: 50, attempts: 2, cron: false })
})
after(async () => {
  await cms.stop()
  node.stop()
})
beforeEach(() => {
  node.troubles = []
})

/** A saved document, once it is a task. */
async function submitted(data = ECHO) {
  const doc = await cms.until(await cms.save(data), ({ externalId }) => externalId)
  return { doc, task: node.tasks.get(doc.externalId) }
}

/** An event of a task, as Orchestrator tells it. */
function tell({ id, type, labels, generation }, seq, status, fields = {}) {
  const data = { id, project: 'film-a', type, status, generation, seq, labels, ...fields }
  return node.sign(`task.${status}`, data, { id: `${id}-${generation}-${seq}`, timestamp: AT })
}
const hear = async (message, init = {}) => cms.ask('/orchestrator/webhook', { as: 'nobody', ...message, ...init })
const outcome = async (message) => (await (await hear(message)).json()).outcome

test('a document that is saved is submitted, with its own key and its own label', async () => {
  const { doc, task } = await submitted()
  assert.equal(doc.status, 'queued')
  assert.deepEqual(JSON.parse(task.asked), { ...ECHO, input: null, labels: { payload_document: String(doc.id) } })
  assert.match(task.key, new RegExp(`^payload:inference-jobs:${doc.id}:\\d+$`))
})

test('a save that is rolled back sends nothing', async () => {
  const calls = node.calls.length
  const answer = await cms.ask('/inference-jobs', { method: 'POST', body: { ...ECHO, type: 'no.such' } })
  assert.equal(answer.status, 400)
  assert.equal(node.calls.length, calls)
})

/** A picture in Payload. */
function upload() {
  const file = { data: Buffer.from(PNG, 'hex'), mimetype: 'image/png', name: 'a.png', size: PNG.length / 2 }
  return cms.payload.create({ collection: 'media', data: {}, file })
}

test('inputs are a link, a URL or an object', async () => {
  const link = await cms.payload.create({ collection: 'assets', data: { externalId: 'a', url: 'https://web.example/a' } })
  const inputs = [
    [{ input: { relationTo: 'assets', value: link.id } }, { url: 'https://web.example/a' }],
    [{ inputUrl: 'https://web.example/b' }, { url: 'https://web.example/b' }],
    [{ inputObject: 'projects/film-a/uploads/x/c' }, { object: 'projects/film-a/uploads/x/c' }],
  ]
  for (const [fields, wanted] of inputs) {
    const { task } = await submitted({ type: 'image.upscale', ...fields })
    assert.deepEqual(task.input, wanted)
  }
})

/** A file in Payload, and what arrives of it in Orchestrator's storage, piece by piece. */
async function arrived(still) {
  const { task } = await submitted({ type: 'image.upscale', input: { relationTo: 'media', value: still.id } })
  return node.objects.get(task.input.object).map((piece) => piece.toString('hex'))
}

test('a file is sent whole, or in parts, from wherever it lies', async (t) => {
  const still = await upload()
  const { upload: kept } = cms.payload.collections.media.config
  t.after(() => Object.assign(node, { partBytes: null }) && Object.assign(kept, { handlers: undefined }))
  assert.deepEqual(await arrived(still), [PNG])
  node.partBytes = 30
  assert.deepEqual(await arrived(still), PNG.match(/.{1,60}/g))
  kept.handlers = [async () => undefined, async (_, { doc }) => new Response(`the bytes of ${doc.filename}`)]
  assert.equal(Buffer.from((await arrived(still)).join(''), 'hex').toString(), `the bytes of ${still.filename}`)
  kept.handlers = [async () => Response.redirect(`${node.url}/bucket`)]
  const away = await cms.save({ type: 'image.upscale', input: { relationTo: 'media', value: still.id } })
  assert.match((await cms.until(away, ({ error }) => error)).error.message, /its storage answered 401/)
})

test('a document whose turn in the queue was lost is queued again when Payload starts', async () => {
  const createdAt = new Date(Date.now() - 120_000).toISOString()
  const doc = await cms.payload.db.create({ collection: 'inference-jobs', data: { ...ECHO, status: 'queued', createdAt } })
  await requeue(cms.payload, 'inference-jobs')
  assert.ok((await cms.until(doc, ({ externalId }) => externalId)).externalId)
})

test('an answer that is lost makes no second task', async () => {
  node.troubles = [() => [503, { code: 'outcome_unknown', detail: 'maybe' }]]
  const { doc } = await submitted()
  assert.ok(node.taskOf(doc))
})

test('a document that was changed after a lost answer keeps the task that it has', async () => {
  node.troubles = [() => [503, { code: 'outcome_unknown', detail: 'maybe' }]]
  const doc = await cms.save(ECHO)
  await cms.until(doc, ({ error, externalId }) => error || externalId)
  await cms.payload.db.updateOne({ collection: 'inference-jobs', id: doc.id, data: { params: { size_bytes: 8 } } })
  const now = await cms.until(doc, ({ externalId }) => externalId)
  assert.deepEqual(node.taskOf(doc).params, ECHO.params)
  assert.equal(now.error, null)
})

test('why a document waits is said in it, and after the last try it has failed; a retry begins again', async () => {
  node.troubles = [503, 401, 503]
  const doc = await cms.save(ECHO)
  const waits = await cms.until(doc, ({ error }) => error)
  assert.deepEqual([waits.status, waits.error.retryable], ['queued', true])
  const failed = await cms.until(doc, ({ status }) => status === 'failed')
  assert.equal(failed.error.code, 'told_503')
  assert.ok(failed.completedAt)
  await cms.save({ action: 'retry' }, doc.id)
  const now = await cms.until(doc, ({ externalId }) => externalId)
  assert.deepEqual([now.status, now.error, now.completedAt, now.action], ['queued', null, null, undefined])
})

test('what is wrong with what was asked for is said in the document', async () => {
  const errors = [{ field: 'params.scale', message: 'Input should be 2 or 4' }]
  node.troubles = [[422, { code: 'invalid_params', detail: 'the parameters do not fit', errors }]]
  const { error } = await cms.until(await cms.save(ECHO), ({ status }) => status === 'failed')
  assert.equal(error.message, 'the parameters do not fit; params.scale: Input should be 2 or 4')
})

test('what would be refused again is not tried again, and may be mended', async () => {
  node.troubles = [422]
  const doc = await cms.save(ECHO)
  const failed = await cms.until(doc, ({ status }) => status === 'failed')
  assert.deepEqual(failed.error, { code: 'told_422', message: 'told to say 422', retryable: false })
  await cms.save({ params: { size_bytes: 9 }, action: 'retry' }, doc.id)
  await cms.until(doc, ({ externalId }) => externalId)
  assert.deepEqual(node.taskOf(doc).params, { size_bytes: 9 })
})

test('events show what becomes of it, in the order of their numbers however they come', async () => {
  const { doc, task } = await submitted()
  const story = [
    tell(task, 1, 'queued'),
    tell(task, 2, 'running', { epoch: 1 }),
    tell(task, 3, 'queued'),
    tell(task, 4, 'running', { epoch: 2 }),
    tell(task, 5, 'succeeded', { result: { size_bytes: 7 } }),
  ]
  const shuffled = [1, 0, 3, 2, 1, 4, 3, 0, 4, 2].map((at) => story[at])
  const answers = await Promise.all(shuffled.map((message) => hear(message)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  const now = await cms.look(doc)
  assert.deepEqual(
    [now.status, now.progress, now.result, now.generation, now.seq, now.epoch, now.startedAt, now.completedAt],
    ['succeeded', 1, { size_bytes: 7 }, 1, 5, 2, AT, AT],
  )
  assert.deepEqual(await Promise.all(story.map(outcome)), Array(5).fill('known'))
})

test('told by webhook and over REST at once, it is one document, and ends as its task', async () => {
  const { doc, task } = await submitted()
  const story = ['queued', 'running', 'queued', 'running', 'succeeded'].map((status, at) => ({ status, seq: at + 1 }))
  const byWebhook = async () => {
    for (const { status, seq } of story) await hear(tell(task, seq, status))
  }
  const overRest = async () => {
    for (const { status, seq } of story) await put(doc, { externalId: task.id, status, generation: 1, seq })
  }
  await Promise.all([byWebhook(), overRest(), byWebhook()])
  const now = await cms.look(doc)
  assert.deepEqual([now.status, now.seq, now.externalId], ['succeeded', 5, task.id])
  const where = { externalId: { equals: task.id } }
  assert.equal((await cms.payload.count({ collection: 'inference-jobs', where })).totalDocs, 1)
})

/** As Orchestrator writes: what is not later is left, and what was saved since it was seen is looked at again. */
async function put(doc, state) {
  for (;;) {
    const { seq, updatedAt } = await cms.look(doc)
    if ((seq ?? 0) >= state.seq) return
    const where = `where[and][0][id][equals]=${doc.id}&where[and][1][updatedAt][equals]=${updatedAt}`
    const answer = await cms.ask(`/inference-jobs?${where}`, { method: 'PATCH', as: 'service', body: state })
    if ((await answer.json()).docs.length > 0) return
  }
}

test('an event that is quicker than the answer to the submit finds its document', async () => {
  let told
  node.troubles = [
    (task) => {
      told = hear(tell(task, 2, 'running'))
    },
  ]
  const doc = await cms.save(ECHO)
  const now = await cms.until(doc, ({ status }) => status === 'running')
  assert.equal((await told).status, 200)
  assert.equal((await cms.until(doc, ({ externalId }) => externalId)).status, 'running')
  assert.equal(now.id, doc.id)
})

test('an event that was cut off between its claim and its fields is shown when it comes again', async () => {
  const { doc, task } = await submitted()
  await cms.payload.db.updateOne({ collection: 'inference-jobs', id: doc.id, data: { generation: 1, seq: 5 } })
  assert.equal(await outcome(tell(task, 4, 'running')), 'known')
  assert.equal(await outcome(tell(task, 5, 'failed', { error: { code: 'timeout' } })), 'shown')
  assert.equal((await cms.look(doc)).error.code, 'timeout')
})

test('progress grows, and never comes after an end', async () => {
  const { doc, task } = await submitted()
  const say = (fraction) => outcome(node.sign('task.progress', { ...task, seq: 2, status: 'running', progress: { fraction } }))
  await hear(tell(task, 2, 'running'))
  assert.deepEqual([await say(0.5), await say(0.25), await say(0.75)], ['shown', 'known', 'shown'])
  assert.equal((await cms.look(doc)).progress, 0.75)
  await hear(tell(task, 3, 'failed', { error: { code: 'timeout' } }))
  assert.equal(await say(0.9), 'known')
  const now = await cms.look(doc)
  assert.deepEqual([now.status, now.progress], ['failed', 0.75])
})

test('what is not signed is not heard, and what is nobody’s is taken and ignored', async () => {
  const { doc, task } = await submitted()
  const forged = { ...tell(task, 2, 'running') }
  forged.body = forged.body.replace('running', 'succeeded')
  assert.equal((await hear(forged)).status, 401)
  assert.equal((await hear(node.sign('task.running', task, { at: 1 }))).status, 401)
  assert.equal((await hear(node.sign('task.running', task, { secrets: [Buffer.alloc(32)] }))).status, 401)
  assert.equal((await hear({ ...tell(task, 2, 'running'), body: 'x'.repeat(300_000) })).status, 413)
  assert.equal(await outcome(tell({ ...task, id: 'task_else', labels: {} }, 2, 'running')), 'ignored')
  assert.equal(await outcome(tell({ ...task, id: 'task_else' }, 2, 'running')), 'ignored')
  assert.equal(await outcome(node.sign('ping', {})), 'ignored')
  assert.equal((await cms.look(doc)).status, 'queued')
})

test('outputs are links that stay, to files whose own links do not', async () => {
  const { doc, task } = await submitted()
  const output = { name: 'echo.bin', content_type: 'application/octet-stream', size_bytes: 7, sha256: 'ab' }
  task.outputs = [{ ...output, url: 'https://s3.example/echo.bin?signature=fresh' }]
  await hear(tell(task, 5, 'succeeded', { outputs: [output] }))
  await hear(tell(task, 6, 'succeeded', { outputs: [output] }))
  const { links } = await cms.look(doc)
  assert.equal(links.length, 1)
  const link = await cms.payload.findByID({ collection: 'assets', id: links[0] })
  assert.deepEqual([link.externalId, link.filesize, link.mimeType], [`${task.id}/echo.bin`, 7, output.content_type])
  const route = link.url.replace(/^\/api/, '')
  const answer = await cms.ask(route)
  assert.deepEqual([answer.status, answer.headers.get('location')], [302, task.outputs[0].url])
  assert.equal((await cms.ask(route, { as: 'nobody' })).status, 403)
  assert.equal((await cms.ask(`/inference-jobs/${doc.id}/outputs/other`)).status, 404)
})

test('what a message had no room for is looked up', async () => {
  const { doc, task } = await submitted()
  task.result = { words: 'x'.repeat(30_000) }
  await hear(tell(task, 5, 'succeeded', { labels: undefined, truncated: ['result', 'labels'] }))
  assert.deepEqual((await cms.look(doc)).result, task.result)
})

test('a task is canceled and retried from its document', async () => {
  const { doc, task } = await submitted()
  await hear(tell(task, 2, 'running'))
  assert.equal((await cms.ask(`/inference-jobs/${doc.id}/cancel`, { method: 'POST' })).status, 202)
  await cms.until(doc, ({ status }) => status === 'canceled')
  await cms.save({ action: 'retry' }, doc.id)
  const again = await cms.until(doc, ({ generation, status }) => generation === 2 && status === 'queued')
  assert.deepEqual([again.status, again.seq, again.externalId, task.generation], ['queued', 0, task.id, 2])
  assert.equal(await outcome(tell({ ...task, generation: 1 }, 9, 'failed')), 'known')
  assert.equal(await outcome(tell(task, 1, 'running')), 'shown')
})

test('a document that is canceled while its task is submitted cancels that', async () => {
  const free = later()
  node.troubles = [() => free.promise]
  const doc = await cms.save(ECHO)
  await cms.until(doc, () => node.taskOf(doc))
  await cms.save({ action: 'cancel' }, doc.id)
  const saved = await cms.until(doc, ({ status }) => status === 'canceled')
  assert.equal(await outcome(tell(node.taskOf(doc), 1, 'queued')), 'ignored')
  free.resolve()
  const now = await cms.until(doc, ({ externalId }) => externalId)
  await cms.until(doc, () => node.taskOf(doc).status === 'canceled')
  assert.deepEqual([saved.externalId, now.status], [null, 'canceled'])
})

test('nobody may act on a document that he may not change', async () => {
  const { doc } = await submitted()
  assert.equal((await cms.ask(`/inference-jobs/${doc.id}/cancel`, { method: 'POST', as: 'nobody' })).status, 403)
})

test('people don’t write what Orchestrator says, nor what is asked of a task that there is; Orchestrator does', async () => {
  const { doc, task } = await submitted()
  const tried = await cms.save({ status: 'succeeded', progress: 1, externalId: 'mine', params: { size_bytes: 1 } }, doc.id)
  assert.deepEqual([tried.status, tried.progress, tried.externalId, tried.params], ['queued', null, task.id, ECHO.params])
  const told = { method: 'PATCH', as: 'service', body: { status: 'running', generation: 1, seq: 2 } }
  assert.equal((await cms.ask(`/inference-jobs/${doc.id}`, told)).status, 200)
  assert.equal((await cms.look(doc)).status, 'running')
})

test('an older state that a save has put back is found out', async () => {
  const { doc, task } = await submitted()
  Object.assign(task, { status: 'succeeded', result: { size_bytes: 7 }, ended_at: new Date().toISOString() })
  await cms.save({ project: null }, doc.id)
  assert.deepEqual((await cms.until(doc, ({ status }) => status === 'succeeded')).result, { size_bytes: 7 })
})

test('a copy is a new job', async () => {
  const { doc, task } = await submitted()
  await hear(tell(task, 5, 'failed', { error: { code: 'timeout' } }))
  const answer = await cms.ask(`/inference-jobs/${doc.id}/duplicate`, { method: 'POST', body: {} })
  const copy = (await answer.json()).doc
  assert.deepEqual([copy.status, copy.error, copy.externalId, copy.params], ['queued', null, null, ECHO.params])
  const now = await cms.until(copy, ({ externalId }) => externalId)
  assert.notEqual(now.externalId, task.id)
})

test('what Orchestrator has forgotten stays as it is', async () => {
  const { doc, task } = await submitted()
  await hear(tell(task, 5, 'failed', { error: { code: 'timeout' } }))
  node.tasks.delete(task.id)
  await cms.save({ action: 'retry' }, doc.id)
  await cms.until(doc, () => node.calls.at(-1) === `GET /v1/tasks/${task.id}`)
  assert.equal((await cms.look(doc)).status, 'failed')
})

/** A promise, and who keeps it. */
function later() {
  const made = {}
  made.promise = new Promise((resolve) => Object.assign(made, { resolve }))
  return made
}

const PNG =
  '89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef' +
  '0000000049454e44ae426082'
