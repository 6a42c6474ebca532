// A small Payload project of the kind our users have: users with API keys, files that Payload holds, files that
// live elsewhere, and the plugin's collection of jobs.
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sqliteAdapter } from '@payloadcms/db-sqlite'
import { buildConfig } from 'payload'
import { orchestrator } from '../src/index.mjs'

const TASK_TYPES = ['audio.speech', 'image.upscale', 'system.echo', 'video.shots']

const users = (slug) => ({ slug, auth: { useAPIKey: true }, fields: [] })

const projects = {
  slug: 'projects',
  admin: { useAsTitle: 'name' },
  fields: [
    { name: 'name', type: 'text', required: true },
    { name: 'slug', type: 'text', required: true, unique: true, index: true },
  ],
}

const media = (staticDir) => ({
  slug: 'media',
  upload: { staticDir, mimeTypes: ['image/*', 'video/*', 'audio/*'] },
  fields: [
    { name: 'alt', type: 'text' },
    { name: 'project', type: 'relationship', relationTo: 'projects' },
    { name: 'externalId', type: 'text', unique: true, index: true },
    { name: 'analysis', type: 'json' },
  ],
})

// Files that Payload does not store itself: only where they are.
const assets = {
  slug: 'assets',
  admin: { useAsTitle: 'url' },
  fields: [
    { name: 'externalId', type: 'text', required: true, unique: true, index: true },
    { name: 'url', type: 'text', required: true },
    { name: 'mimeType', type: 'text' },
    { name: 'filesize', type: 'number', min: 0 },
    { name: 'project', type: 'relationship', relationTo: 'projects' },
    { name: 'metadata', type: 'json' },
  ],
}

// libsql answers synchronously, so on its own one save runs to its end before the next begins. A pause inside the
// save lets requests interleave, as they do with Postgres or MongoDB.
const ownJobs = (hookDelayMs) => (jobs) => ({
  ...jobs,
  hooks: { ...jobs.hooks, ...(hookDelayMs > 0 ? { beforeChange: [() => sleep(hookDelayMs)] } : {}) },
  fields: [...jobs.fields, { name: 'project', type: 'relationship', relationTo: 'projects' }],
})

/** `node` is where the plugin finds Orchestrator: `url`, `apiKey`, `webhookSecret`; without them it is at rest. */
export function makeConfig({ dataDir, secret, node, onInit, ...options }) {
  const { idType = 'number', apiPath = '/api', keyCollection = 'users', hookDelayMs = 0, logLevel = 'info' } = options
  return buildConfig({
    secret,
    telemetry: false,
    logger: { options: { level: logLevel } },
    typescript: { autoGenerate: false },
    graphQL: { disable: true },
    db: sqliteAdapter({ client: { url: `file:${path.join(dataDir, 'payload.db')}` }, idType }),
    routes: { api: apiPath },
    admin: { user: keyCollection },
    collections: [users(keyCollection), projects, media(path.join(dataDir, 'media')), assets],
    plugins: [orchestrator({ ...node, taskTypes: TASK_TYPES, overrides: ownJobs(hookDelayMs) })],
    onInit,
  })
}
