// Orchestrator, as far as the plugin sees it: keys, tasks by idempotency key, and what a test says is wrong with it.
import { createHmac } from 'node:crypto'
import http from 'node:http'

export class FakeOrchestrator {
  apiKey = 'key-of-the-plugin'
  secret = Buffer.alloc(32, 7)
  /** Task by its id, and the calls that came: `POST /v1/tasks`, … */
  tasks = new Map()
  calls = []
  /** What the next submits are answered: a status, a status and a problem, or a function that is called with the task, once it is recorded. */
  troubles = []
  /** Object by its key, as it was uploaded: in one piece, or in parts of the size that is given. */
  objects = new Map()
  partBytes = null

  async start() {
    this.server = http.createServer((request, response) => this.#answer(request, response))
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${this.server.address().port}`
    return this
  }

  stop() {
    this.server.closeAllConnections()
    this.server.close()
  }

  get whsec() {
    return `whsec_${this.secret.toString('base64')}`
  }

  /** The only task for a document. */
  taskOf(doc) {
    const found = [...this.tasks.values()].filter(({ labels }) => labels.payload_document === String(doc.id))
    if (found.length > 1) throw new Error(`${found.length} tasks for one document`)
    return found[0]
  }

  /** Headers and body of an event, signed as Standard Webhooks want it. */
  sign(type, data, { timestamp = new Date().toISOString(), secrets = [this.secret], at = Math.floor(Date.now() / 1000), id = 'msg_1' } = {}) {
    const body = JSON.stringify({ type, timestamp, data })
    const made = secrets.map((secret) => createHmac('sha256', secret).update(`${id}.${at}.${body}`).digest('base64'))
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(at),
      'webhook-signature': made.map((each) => `v1,${each}`).join(' '),
    }
    return { method: 'POST', headers, body }
  }

  async #answer(request, response) {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const bytes = Buffer.concat(chunks)
    if (request.method === 'PUT') return response.writeHead(this.#keep(request, bytes)).end()
    const body = bytes.length ? JSON.parse(bytes.toString()) : undefined
    const { pathname, searchParams } = new URL(request.url, this.url)
    this.calls.push(`${request.method} ${pathname}`)
    const [status, said] = await this.#say(request, { pathname, searchParams, body })
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said))
  }

  #say({ method, headers }, { pathname, searchParams, body }) {
    if (headers.authorization !== `Bearer ${this.apiKey}`) return [401, { code: 'unauthorized', detail: 'no such key' }]
    const [, id, verb] = /^\/v1\/tasks\/([^/]+)(?:\/(\w+))?$/.exec(pathname) ?? []
    if (method === 'POST' && pathname === '/v1/tasks') return this.#submit(headers['idempotency-key'], body)
    if (pathname.startsWith('/v1/uploads')) return [200, this.#offer(pathname, body)]
    if (pathname === '/v1/tasks') return [200, { items: this.#labelled(searchParams.get('label')), next: null }]
    const task = this.tasks.get(id)
    if (!task) return [404, { code: 'task_not_found', detail: 'no such task' }]
    if (verb === 'cancel' && !task.ended_at) this.#change(task, { status: 'canceled' })
    if (verb === 'retry') {
      if (task.generation !== body.generation) return [409, { code: 'generation_changed', detail: 'look again' }]
      this.#change(task, { status: 'queued', generation: task.generation + 1, ended_at: null, error: null })
    }
    return [verb ? 202 : 200, task]
  }

  async #submit(key, body) {
    const trouble = this.troubles.shift()
    if (typeof trouble === 'number') return [trouble, { code: `told_${trouble}`, detail: `told to say ${trouble}` }]
    if (Array.isArray(trouble)) return trouble
    const asked = JSON.stringify(body)
    const before = [...this.tasks.values()].find((task) => task.key === key)
    if (before && before.asked !== asked) return [409, { code: 'idempotency_conflict', detail: 'another body' }]
    const task = before ?? { id: `task_${this.tasks.size + 1}_${process.hrtime.bigint()}`, generation: 1, key, asked, ...body }
    if (!before) this.tasks.set(task.id, Object.assign(task, { status: 'queued', progress: { fraction: 0 }, outputs: [] }))
    const answer = await trouble?.(task)
    return answer ?? [202, task]
  }

  /** Storage knows no API key, and takes exactly what was offered. */
  #keep({ url, headers }, bytes) {
    const object = decodeURIComponent(new URL(url, this.url).searchParams.get('object'))
    if (headers.authorization || !this.objects.has(object)) return 403
    this.objects.get(object).push(bytes)
    return 200
  }

  #offer(pathname, body) {
    const id = pathname.split('/')[3] ?? `upload_${this.objects.size}`
    const object = `projects/film-a/uploads/${id}/still`
    const url = `${this.url}/bucket?object=${encodeURIComponent(object)}`
    if (pathname.endsWith('/parts')) return { items: body.numbers.map((number) => ({ number, url, headers: {} })) }
    if (!pathname.endsWith('/complete')) this.objects.set(object, [])
    const headers = { 'Content-Type': body?.content_type, 'Content-Length': String(body?.size_bytes) }
    return { id, object, url: this.partBytes ? null : url, headers, part_size_bytes: this.partBytes }
  }

  #labelled(label) {
    const [name, value] = label.split(':')
    return [...this.tasks.values()].filter(({ labels }) => labels[name] === value)
  }

  #change(task, fields) {
    Object.assign(task, fields)
    if (fields.status !== 'queued') task.ended_at = new Date().toISOString()
  }
}
