// Written by hand, for projects in TypeScript.
import type { CollectionConfig, PayloadRequest, Plugin } from 'payload'

export interface Options {
  /** Where Orchestrator's API is, without `/v1`. Without it nothing is sent. */
  url?: string
  /** A key with the scope `tasks:write`. Without it nothing is sent. */
  apiKey?: string
  /** `whsec_…`, as Orchestrator showed it; several while it is changed. Without one nothing is received. */
  webhookSecret?: string | string[]
  /** The slug of the collection of jobs, which the plugin adds. Default: `inference-jobs`. */
  collection?: string
  /** Your upload collection, for inputs and for outputs that Orchestrator uploads; null if there is none. Default: `media`. */
  media?: string | null
  /** The collection of files that lie elsewhere; added if it is not yours. Null: outputs are not registered. Default: `assets`. */
  links?: string | null
  /** Upload files of `media` to Orchestrator, which else fetches them with its key. Default: whether there is a `webhookSecret`. */
  sendFiles?: boolean
  /** The choices of `type`. Without them it is a text. */
  taskTypes?: string[]
  /** Who may write what only Orchestrator says. Default: whoever comes with an API key. */
  isService?: (args: { req: PayloadRequest }) => boolean
  /** The last word on what is submitted: priority, labels, deadlines. */
  submission?: (task: Record<string, unknown>, doc: Record<string, any>) => Record<string, unknown>
  /** The last word on the collection: access, fields of your own, hooks. */
  overrides?: (jobs: CollectionConfig) => CollectionConfig
  /** How often the queue is looked at. False on serverless hosts, which call `/api/payload-jobs/run`. Default: each second. */
  cron?: string | false
  /** How often a submit is tried again, the first time after `delayMs`, then after twice as long each time. Default: 12. */
  attempts?: number
  /** Default: 2000, so that 12 attempts are more than two hours. */
  delayMs?: number
  /** How long Orchestrator may take to answer. Default: 10,000. */
  timeoutMs?: number
}

export declare function orchestrator(options?: Options): Plugin
