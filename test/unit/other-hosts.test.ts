import assert from 'node:assert/strict'
import type { Config } from '../../domain/config.ts'
import { otherHostTexts } from '../../wiring/other-hosts.ts'

const config = { sites: { primary: { hosts: ['db1'] }, dr: { hosts: ['dr1', 'dr2', 'dr3'] } } } as unknown as Config
const up = { pid: 7, address: '127.0.0.1:7233', ui: '', host: 'dr1', site: 'dr' }

describe('what other hosts of the site are told after --offline', () => {
  it('is nothing where there is none', () => {
    assert.deepEqual(otherHostTexts(config, { ...up, host: 'db1', site: 'primary' }, ['10.0.0.5']), [])
  })

  it('is a line for each, with the first address of this machine, and the others beside it', () => {
    const [start = '', ...more] = otherHostTexts(config, { ...up, listen: '0.0.0.0' }, ['10.0.0.5', '192.0.2.1'])
    assert.deepEqual(more, [])
    assert.match(start, /where 10\.0\.0\.5 does not lead here: 192\.0\.2\.1/)
    assert.match(start, /^ {2}on dr2: {2}TEMPORAL_ADDRESS=10\.0\.0\.5:7233 muster worker --host dr2 --site dr$/m)
    assert.match(start, /^ {2}on dr3: {2}TEMPORAL_ADDRESS=10\.0\.0\.5:7233 muster worker --host dr3 --site dr$/m)
  })

  it('names the address that was asked for where Temporal listens on one', () => {
    const [start = ''] = otherHostTexts(config, { ...up, address: '10.0.0.9:7300', listen: '10.0.0.9' }, ['10.0.0.5'])
    assert.match(start, /TEMPORAL_ADDRESS=10\.0\.0\.9:7300 /)
    assert.doesNotMatch(start, /10\.0\.0\.5/)
  })

  for (const listen of ['127.0.0.1', '127.0.0.53', 'localhost', '::1', undefined]) {
    it(`begins with a warning where it listens on ${listen ?? 'what nobody wrote down, and is asked for on loopback'}`, () => {
      const texts = otherHostTexts(config, { ...up, ...(listen !== undefined && { listen }) }, ['10.0.0.5'])
      assert.equal(texts.length, 2)
      assert.match(texts[0] ?? '', /only: dr2, dr3 at site dr cannot reach it.*kill 7.*--listen 0\.0\.0\.0/)
    })
  }
})
