// Standard Webhooks 1.0: whether a message was signed with one of our secrets, and not long ago.
import { createHmac, timingSafeEqual } from 'node:crypto'

const TOLERANCE_S = 300
const SHORTEST_SECRET_BYTES = 24

/**
 * The bytes of a secret as Orchestrator shows it: `whsec_` and base64.
 * @param {string} text
 */
export function parseSecret(text) {
  const secret = Buffer.from(text.replace(/^whsec_/, ''), 'base64')
  if (secret.length < SHORTEST_SECRET_BYTES) {
    throw new Error('orchestrator: a webhook secret is `whsec_` and at least 24 bytes in base64')
  }
  return secret
}

/**
 * Whether any of the signatures was made with any of the secrets: while a secret is changed, there are two of both.
 * @param {Uint8Array} body as it came, byte by byte
 * @param {Headers} headers
 * @param {Buffer[]} secrets
 * @param {number} [nowS]
 */
export function isSigned(body, headers, secrets, nowS = Date.now() / 1000) {
  const id = headers.get('webhook-id')
  const at = headers.get('webhook-timestamp') ?? ''
  if (!id || !/^\d+$/.test(at) || Math.abs(nowS - Number(at)) > TOLERANCE_S) return false
  const given = (headers.get('webhook-signature') ?? '').split(' ').flatMap((part) => {
    const [version, value] = part.split(',')
    return version === 'v1' && value ? [Buffer.from(value, 'base64')] : []
  })
  return secrets.some((secret) => {
    const wanted = createHmac('sha256', secret).update(`${id}.${at}.`).update(body).digest()
    return given.some((bytes) => bytes.length === wanted.length && timingSafeEqual(bytes, wanted))
  })
}
