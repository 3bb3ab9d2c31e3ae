import assert from 'node:assert/strict'
import { pathsOfBackup } from '../../activities/host/restore/plan-rules.ts'
import type { Config } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'

const files = (...paths: string[]) => ({ type: 'files', paths })
const configOf = (home: readonly string[], away: readonly string[] = home) =>
  ({ systems: { shop: { components: { tree: files(...home) }, failover: { components: { tree: files(...away) } } } } }) as unknown as Config
const check = (backup: readonly string[], home: readonly string[], away?: readonly string[], goesTo = home) =>
  pathsOfBackup(configOf(home, away), { system: 'shop', component: 'tree', paths: backup }, goesTo)
const refused = (run: () => unknown, text: RegExp) =>
  assert.throws(run, (error: Error) => error instanceof MusterError && error.type === 'WrongTarget' && text.test(`${error.message} ${error.hint}`))

describe('the paths of a tree that a backup has', () => {
  it('are those that are configured, at home or at the other site', () => {
    assert.deepEqual(check(['/etc/nginx', '/srv/shop'], ['/etc/nginx', '/srv/shop']), [])
    assert.deepEqual(check(['/srv/there/nginx', '/srv/there/shop'], ['/etc/nginx', '/srv/shop'], ['/srv/there/nginx', '/srv/there/shop']), [])
  })

  it('are told where one was renamed', () => {
    assert.deepEqual(check(['/srv/old'], ['/srv/shop']), ['tree: its backup has /srv/old, which comes to /srv/shop'])
  })

  it('are refused where one would come to the place of another, or to none', () => {
    refused(() => check(['/srv/shop', '/etc/nginx'], ['/etc/nginx', '/srv/shop']), /\/srv\/shop, which would come to \/etc\/nginx.*--into DIR/)
    refused(() => check(['/etc/nginx', '/srv/shop', '/opt/shop'], ['/srv/shop', '/opt/shop']), /\/srv\/shop, which would come to \/opt\/shop/)
    refused(() => check(['/etc/nginx'], ['/etc/nginx', '/srv/shop']), /1 paths \(\/etc\/nginx\), and 2 are configured/)
  })
})
