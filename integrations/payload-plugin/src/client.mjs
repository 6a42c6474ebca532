// Orchestrator's API, as far as the plugin calls it (docs/http.md). What fails for now is an Error, what would fail
// again in the same way is `Refused`.

const FOR_GOOD = new Set([400, 404, 405, 409, 410, 413, 422])

/** Orchestrator will not do this, however often it is asked. */
export class Refused extends Error {
  /** @param {{ code: string, message: string }} problem */
  constructor({ code, message }) {
    super(message)
    this.code = code
  }
}

/** Which of the fields that were sent are wrong, and why: `params.scale: Input should be 2 or 4`. */
const flawsOf = ({ errors = [] }) => errors.map((/** @type {any} */ { field, message }) => `${field}: ${message}`)

/**
 * @param {{ url: string, apiKey: string, timeoutMs: number }} options
 */
export function connect({ url, apiKey, timeoutMs }) {
  const root = url.replace(/\/+$/, '')

  /** @param {string} path @param {{ method?: string, body?: object, headers?: Record<string, string> }} [call] */
  async function ask(path, { method = 'GET', body, headers = {} } = {}) {
    const answer = await fetch(root + path, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
      body: body && JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const said = await answer.json().catch(() => ({}))
    if (answer.ok) return said
    const message = [said.detail ?? `Orchestrator answered ${answer.status}`, ...flawsOf(said)].join('; ')
    const code = said.code ?? `http_${answer.status}`
    throw FOR_GOOD.has(answer.status) ? new Refused({ code, message }) : Object.assign(new Error(message), { code })
  }

  const pathOf = (/** @type {string} */ id) => `/v1/tasks/${encodeURIComponent(id)}`

  return {
    /** The task that this key has made, now or before. */
    submit: (/** @type {object} */ task, /** @type {string} */ key) =>
      ask('/v1/tasks', { method: 'POST', body: task, headers: { 'idempotency-key': key } }),
    /** A task as it is now; nothing if it is past its retention, as are its files. */
    look: (/** @type {string} */ id) =>
      ask(pathOf(id)).catch((error) => {
        if (!(error instanceof Refused)) throw error
      }),
    /** Where a file may be put: in one piece at its `url`, or in parts if that is null. */
    offer: (/** @type {object} */ file) => ask('/v1/uploads', { method: 'POST', body: file }),
    /** Where one of the parts of an upload may be put. */
    async offerPart(/** @type {string} */ id, /** @type {number} */ number) {
      const { items } = await ask(`/v1/uploads/${id}/parts`, { method: 'POST', body: { numbers: [number] } })
      return items[0]
    },
    complete: (/** @type {string} */ id) => ask(`/v1/uploads/${id}/complete`, { method: 'POST' }),
    cancel: (/** @type {string} */ id) => ask(`${pathOf(id)}/cancel`, { method: 'POST' }),
    /** Of two that retry the same failure one is refused, when they name the generation that they saw. */
    retry: (/** @type {string} */ id, /** @type {number | null | undefined} */ generation) =>
      ask(`${pathOf(id)}/retry`, { method: 'POST', body: generation ? { generation } : {} }),
    /** The newest task with this label, if there is one. */
    async find(/** @type {string} */ name, /** @type {string} */ value) {
      const { items } = await ask(`/v1/tasks?limit=1&label=${encodeURIComponent(`${name}:${value}`)}`)
      return items[0]
    },
  }
}

/** @typedef {ReturnType<typeof connect>} Client */
