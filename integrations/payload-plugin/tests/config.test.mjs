// What the plugin makes of a config.
import assert from 'node:assert/strict'
import test from 'node:test'
import { orchestrator } from '../src/index.mjs'

const CONFIG = { collections: [{ slug: 'media', upload: true, fields: [] }], jobs: { tasks: [{ slug: 'own' }] } }
const NODE = { url: 'http://127.0.0.1:8080', apiKey: 'key' }
const SECRET = `whsec_${Buffer.alloc(32).toString('base64')}`
const slugs = (of) => of.map(({ slug }) => slug)

test('without a node it adds the same collections, and does nothing', () => {
  const [rest, active] = [orchestrator({ url: '', webhookSecret: '' })(CONFIG), orchestrator({ ...NODE, webhookSecret: SECRET })(CONFIG)]
  const fieldsOf = ({ collections }) => collections.map(({ fields }) => fields.map(({ name, type }) => [name, type]))
  assert.deepEqual(slugs(rest.collections), ['media', 'inference-jobs', 'assets'])
  assert.deepEqual(fieldsOf(rest), fieldsOf(active))
  assert.deepEqual(slugs(rest.jobs.tasks), slugs(active.jobs.tasks))
  assert.deepEqual([rest.endpoints, rest.onInit, rest.jobs.autoRun], [undefined, undefined, undefined])
  assert.deepEqual(rest.collections[1].hooks.afterChange, [])
  assert.deepEqual(active.endpoints.map(({ path }) => path), ['/orchestrator/webhook'])
})

test('what the project has stays', async () => {
  const other = { queue: 'own' }
  const autoRunOf = (autoRun, options) => orchestrator({ ...NODE, ...options })({ ...CONFIG, jobs: { autoRun } }).jobs.autoRun
  assert.deepEqual(slugs(orchestrator(NODE)(CONFIG).jobs.tasks), ['own', 'orchestratorSubmit', 'orchestratorAct'])
  assert.deepEqual(autoRunOf([other]).map(({ queue }) => queue), ['own', 'orchestrator'])
  assert.deepEqual((await autoRunOf(() => [other])({})).map(({ queue }) => queue), ['own', 'orchestrator'])
  assert.deepEqual(autoRunOf([other], { cron: false }), [other])
  const links = { slug: 'assets', fields: [{ name: 'externalId', type: 'text' }] }
  const { collections } = orchestrator(NODE)({ collections: [...CONFIG.collections, links] })
  assert.equal(collections.find(({ slug }) => slug === 'assets'), links)
})

test('files and links of theirs get the name by which an output is registered once, if they have none', () => {
  const links = { slug: 'assets', fields: [{ name: 'url', type: 'text' }] }
  const { collections } = orchestrator()({ collections: [...CONFIG.collections, links, { slug: 'users', fields: [] }] })
  const fieldsOf = (slug) => collections.find((each) => each.slug === slug).fields.map(({ name }) => name)
  assert.deepEqual([fieldsOf('media'), fieldsOf('assets'), fieldsOf('users')], [['externalId'], ['url', 'externalId'], []])
  assert.deepEqual(CONFIG.collections[0].fields, [], 'what was given is left alone')
})

test('a project without files or links has no relations to them', () => {
  const { collections } = orchestrator({ ...NODE, media: null, links: null })({})
  assert.deepEqual(slugs(collections), ['inference-jobs'])
  const names = collections[0].fields.map(({ name }) => name)
  assert.deepEqual(['input', 'outputs', 'links'].filter((name) => names.includes(name)), [])
})

test('what cannot work is said at the start', () => {
  const taken = { collections: [...CONFIG.collections, { slug: 'inference-jobs', fields: [] }] }
  assert.throws(() => orchestrator()(taken), /inference-jobs already/)
  assert.throws(() => orchestrator()({}), /no collection media/)
  assert.throws(() => orchestrator({ overrides: (jobs) => ({ ...jobs, versions: { drafts: true } }) }), /no drafts/)
  assert.throws(() => orchestrator({ webhookSecret: 'whsec_short' }), /24 bytes/)
})
