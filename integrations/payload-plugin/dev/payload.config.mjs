// A small Payload project of the kind our users have: users with API keys, files that Payload holds, files that
// live elsewhere, and a collection that tells of tasks.
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sqliteAdapter } from '@payloadcms/db-sqlite'
import { buildConfig } from 'payload'

const STATUSES = ['queued', 'running', 'succeeded', 'failed', 'canceled']

const users = { slug: 'users', auth: { useAPIKey: true }, fields: [] }

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

// The last three fields order what the service says: it never writes an older state over a newer one.
const inferenceJobs = (hookDelayMs) => ({
  slug: 'inference-jobs',
  admin: { useAsTitle: 'externalId' },
  versions: { maxPerDoc: 20 },
  // libsql answers synchronously, so on its own one save runs to its end before the next begins. A pause inside
  // the save lets requests interleave, as they do with Postgres or MongoDB.
  hooks: hookDelayMs > 0 ? { beforeChange: [() => sleep(hookDelayMs)] } : {},
  fields: [
    { name: 'externalId', type: 'text', unique: true, index: true },
    { name: 'status', type: 'select', options: STATUSES, defaultValue: 'queued', required: true, index: true },
    { name: 'type', type: 'text', required: true, index: true },
    { name: 'project', type: 'relationship', relationTo: 'projects' },
    { name: 'input', type: 'relationship', relationTo: ['media', 'assets'] },
    { name: 'params', type: 'json' },
    { name: 'result', type: 'json' },
    { name: 'outputs', type: 'relationship', relationTo: 'media', hasMany: true },
    { name: 'links', type: 'relationship', relationTo: 'assets', hasMany: true }, // outputs that live elsewhere
    { name: 'error', type: 'json' },
    { name: 'progress', type: 'number', min: 0, max: 1 },
    { name: 'completedAt', type: 'date' },
    { name: 'generation', type: 'number', min: 0 },
    { name: 'epoch', type: 'number', min: 0 },
    { name: 'seq', type: 'number', min: 0 },
  ],
})

export function makeConfig({ dataDir, secret, idType = 'number', hookDelayMs = 0, logLevel = 'info', onInit }) {
  return buildConfig({
    secret,
    telemetry: false,
    logger: { options: { level: logLevel } },
    typescript: { autoGenerate: false },
    graphQL: { disable: true },
    db: sqliteAdapter({ client: { url: `file:${path.join(dataDir, 'payload.db')}` }, idType }),
    collections: [users, projects, media(path.join(dataDir, 'media')), assets, inferenceJobs(hookDelayMs)],
    onInit,
  })
}
