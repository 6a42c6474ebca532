// The plugin: a collection of jobs that submit themselves to Orchestrator, and show what becomes of them.
import { connect } from './client.mjs'
import { buildCollection, buildLinks, named } from './collection.mjs'
import { buildOutputEndpoint } from './outputs.mjs'
import { QUEUE, buildTasks, requeue } from './queue.mjs'
import { parseSecret } from './signature.mjs'
import { buildWebhook } from './webhook.mjs'

const byKey = ({ req }) => req.user?._strategy === 'api-key'

/**
 * Without `url` and `apiKey` nothing is sent, without `webhookSecret` nothing is received; the collections are there
 * in any case, so that the schema is the same everywhere.
 * @param {import('./index.js').Options} [options]
 * @returns {import('payload').Plugin}
 */
export function orchestrator({
  url,
  apiKey,
  webhookSecret,
  collection = 'inference-jobs',
  media = 'media',
  links = 'assets',
  taskTypes,
  sendFiles = Boolean(webhookSecret?.length),
  isService = byKey,
  submission = (task) => task,
  overrides = (jobs) => jobs,
  cron = '* * * * * *',
  attempts = 12,
  delayMs = 2000,
  timeoutMs = 10_000,
} = {}) {
  const client = url && apiKey ? connect({ url, apiKey, timeoutMs }) : null
  const secrets = [webhookSecret].flat().filter(Boolean).map(parseSecret)
  const jobs = refuseDrafts(
    overrides(buildCollection({ slug: collection, taskTypes, media, links, isService, sends: Boolean(client) })),
  )
  if (client) jobs.endpoints = [...jobs.endpoints, buildOutputEndpoint({ client })]

  return (config) => {
    const slugs = new Set(config.collections?.map(({ slug }) => slug))
    if (slugs.has(collection)) throw new Error(`orchestrator: there is a collection ${collection} already`)
    if (media && !slugs.has(media)) throw new Error(`orchestrator: there is no collection ${media}; name yours, or null`)
    const theirs = (config.collections ?? []).map((each) => ([media, links].includes(each.slug) ? named(each, isService) : each))
    const own = [jobs, ...(links && !slugs.has(links) ? [buildLinks(links)] : [])]
    const changed = { ...config, collections: [...theirs, ...own] }
    if (secrets.length) {
      changed.endpoints = [...(config.endpoints ?? []), buildWebhook({ collection, links, secrets, client })]
    }
    const tasks = buildTasks({ collection, links, client, attempts, delayMs, submission, sendFiles })
    changed.jobs = {
      ...config.jobs,
      tasks: [...(config.jobs?.tasks ?? []), ...tasks],
      ...(client && cron ? { autoRun: andRun(config.jobs?.autoRun, { cron, queue: QUEUE, limit: 20, silent: true }) } : {}),
    }
    if (!client) return changed
    changed.onInit = async (payload) => {
      await config.onInit?.(payload)
      await requeue(payload, collection).catch((err) => payload.logger.warn({ err, msg: 'orchestrator: not requeued' }))
    }
    return changed
  }
}

/** A draft that is newer than what is published would be merged into every result. */
function refuseDrafts(jobs) {
  if (jobs.versions?.drafts) throw new Error('orchestrator: jobs have no drafts, relate to them from what has')
  return jobs
}

/** `autoRun` is a list, or a function that makes one. */
const andRun = (before, own) =>
  typeof before === 'function' ? async (payload) => [...(await before(payload)), own] : [...(before ?? []), own]
