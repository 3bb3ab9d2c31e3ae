import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { redact } from '../../observability/redact.ts'
import { scrub } from '../../observability/scrub.ts'

const root = join(import.meta.dirname, '../..')

describe('scrubbing text', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['postgres://muster:hunter2@db1:5432/kennel', 'postgres://muster:***@db1:5432/kennel'],
    ['at smtp://u:p@ss/w@mail.example: refused', 'at smtp://u:***@mail.example: refused'],
    ['redis://:hunter2@cache/0', 'redis://:***@cache/0'],
    ['host=db1 password=hunter2 user=x', 'host=db1 password=*** user=x'],
    ["password='it has spaces' user=x", "password='***' user=x"],
    ['PGPASSWORD=hunter2', 'PGPASSWORD=***'],
    ['{"secretAccessKey":"hunter2","region":"x"}', '{"secretAccessKey":"***","region":"x"}'],
    ['AWS_SECRET_ACCESS_KEY: hunter2', 'AWS_SECRET_ACCESS_KEY: ***'],
    ['https://s3/b/k?X-Amz-Signature=0a1b2c&x=1', 'https://s3/b/k?X-Amz-Signature=***&x=1'],
    ['Authorization: Bearer abcdef.ghi', 'Authorization: *** ***'],
    ['https://hooks.slack.com/services/T0/B0/hunter2', 'https://hooks.slack.com/services/***'],
    ['AGE-SECRET-KEY-1QQQQQQ', '***'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n', '[OPENSSH PRIVATE KEY ***]\n'],
  ]
  for (const [text, expected] of cases) {
    it(`masks the secret in ${JSON.stringify(expected)} and nothing else`, () => {
      assert.equal(scrub(text), expected)
      assert.equal(scrub(expected), expected)
    })
  }

  for (const harmless of [
    'http://127.0.0.1:9000/bucket/photo@2x.png',
    'ssh://git@example.org/x',
    'key muster/kennel/backups/database/20261103T020000Z/manifest.json',
    'connection to server at "db1", port 5432 failed: FATAL: password authentication failed for user "muster"',
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA alice',
  ]) {
    it(`leaves alone: ${harmless}`, () => assert.equal(scrub(harmless), harmless))
  }

  it('takes no time on long text that holds no secret', () => {
    const started = Date.now()
    for (const piece of ['a', 'a.', '://', 'password', '://a:', "'", 'x@']) scrub(piece.repeat(50_000 / piece.length))
    assert.ok(Date.now() - started < 2000, `${Date.now() - started} ms`)
  })
})

describe('redacting values', () => {
  it('masks secret fields at any depth and in errors, and survives circles', () => {
    const error = new Error('no route to postgres://u:hunter2@db', {
      cause: { apiToken: 'hunter2', stderrTail: 'PGPASSWORD=hunter2' },
    })
    const value: Record<string, unknown> = {
      a: [{ password: 'hunter2', key: 'object/key' }],
      secretAccessKey: 'hunter2',
      error,
    }
    value['self'] = value
    const shown = JSON.stringify(redact(value))
    assert.ok(!shown.includes('hunter2'), shown)
    assert.match(shown, /object\/key/)
    assert.match(shown, /no route to postgres/)
  })
})

describe('the logger', () => {
  it('writes scrubbed JSON lines to stderr, never to stdout, at the level that MUSTER_LOG says', () => {
    const script = `
      import { createLogger } from '${root}/observability/logger.ts'
      const log = createLogger({ room: 'test', token: 'hunter2' })
      log.debug('too fine')
      log.info({ password: 'hunter2', store: 'offsite' }, 'connected to %s', 'redis://:hunter2@cache')
      log.error(new Error('lost postgres://u:hunter2@db'))
      log.child({ authorization: 'hunter2' }).warn('child')`
    const run = (level: string) =>
      spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        cwd: root,
        encoding: 'utf8',
        env: { ...process.env, MUSTER_LOG: level },
      })
    const info = run('')
    assert.equal(info.stdout, '')
    assert.ok(!info.stderr.includes('hunter2'), info.stderr)
    const lines = info.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      lines.map((line) => line['level']),
      ['info', 'error', 'warn'],
    )
    assert.deepEqual(
      lines.map((line) => line['room']),
      ['test', 'test', 'test'],
    )
    assert.equal(lines[0]?.['msg'], 'connected to redis://:***@cache')
    assert.equal(lines[0]?.['store'], 'offsite')
    assert.match(String(lines[0]?.['time']), /^\d{4}-\d\d-\d\dT.*Z$/)
    assert.equal(run('debug').stderr.trim().split('\n').length, 4)
    assert.equal(run('silent').stderr, '')
  })
})
