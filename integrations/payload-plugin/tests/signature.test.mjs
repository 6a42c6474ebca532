// Standard Webhooks, with its own example first.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import test from 'node:test'
import { isSigned, parseSecret } from '../src/signature.mjs'

const SECRET = parseSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
const NOW_S = 1_614_265_330
const BODY = Buffer.from('{"test": 2432232314}')
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='

const headersOf = (changes = {}) =>
  new Headers({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': String(NOW_S),
    'webhook-signature': SIGNATURE,
    ...changes,
  })

const signedBy = (secret, at = NOW_S) =>
  `v1,${createHmac('sha256', secret).update(`msg_p5jXN8AQM9LWM0D4loKWxJek.${at}.`).update(BODY).digest('base64')}`

test('the example of the specification is signed', () => {
  assert.ok(isSigned(BODY, headersOf(), [SECRET], NOW_S))
})

const other = Buffer.alloc(32, 1)
const forged = {
  'another body': [Buffer.from('{"test": 2432232315}'), headersOf(), [SECRET]],
  'another id': [BODY, headersOf({ 'webhook-id': 'msg_other' }), [SECRET]],
  'another time': [BODY, headersOf({ 'webhook-timestamp': String(NOW_S + 1) }), [SECRET]],
  'another secret': [BODY, headersOf(), [other]],
  'no secret at all': [BODY, headersOf(), []],
  'a signature of another kind': [BODY, headersOf({ 'webhook-signature': SIGNATURE.replace('v1', 'v1a') }), [SECRET]],
  'a signature that is cut off': [BODY, headersOf({ 'webhook-signature': SIGNATURE.slice(0, -8) }), [SECRET]],
  'no signature': [BODY, headersOf({ 'webhook-signature': '' }), [SECRET]],
  'a time that is none': [BODY, headersOf({ 'webhook-timestamp': 'now' }), [SECRET]],
}
for (const [what, [body, headers, secrets]] of Object.entries(forged)) {
  test(`${what} is refused`, () => assert.ok(!isSigned(body, headers, secrets, NOW_S)))
}

test('while a secret is changed, either side may be the first', () => {
  const both = headersOf({ 'webhook-signature': `${signedBy(other)} ${SIGNATURE}` })
  assert.ok(isSigned(BODY, both, [SECRET], NOW_S))
  assert.ok(isSigned(BODY, both, [other], NOW_S))
  assert.ok(isSigned(BODY, headersOf(), [other, SECRET], NOW_S))
})

for (const [skew, fits] of [[-300, true], [300, true], [-301, false], [301, false]]) {
  test(`a clock that is ${skew} s off ${fits ? 'is borne' : 'is not'}`, () => {
    assert.equal(isSigned(BODY, headersOf(), [SECRET], NOW_S + skew), fits)
  })
}

test('a secret that is too short is refused when it is configured', () => {
  assert.throws(() => parseSecret('whsec_c2hvcnQ='), /24 bytes/)
})
