import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from '../../adapters/process/run-tool.ts'
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import { MusterError } from '../../domain/failures.ts'

describe('a secret reference', () => {
  let directory: string
  const { resolve } = createSecretResolver()
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-secret-'))
  })
  afterEach(async () => {
    delete process.env['MUSTER_TEST_VALUE']
    await rm(directory, { recursive: true, force: true })
  })

  function missing(message: RegExp) {
    return (error: unknown) => {
      assert.ok(error instanceof MusterError)
      assert.equal(error.type, 'SecretMissing')
      assert.match(error.message, message)
      assert.ok(!`${error.message} ${error.hint}`.includes('hunter2'))
      return true
    }
  }

  it('gives the value of a variable as it is, anew each time', async () => {
    process.env['MUSTER_TEST_VALUE'] = ' hunter2\n'
    assert.equal(await resolve('env:MUSTER_TEST_VALUE'), ' hunter2\n')
    process.env['MUSTER_TEST_VALUE'] = 'other'
    assert.equal(await resolve('env:MUSTER_TEST_VALUE'), 'other')
    process.env['MUSTER_TEST_VALUE'] = ''
    await assert.rejects(resolve('env:MUSTER_TEST_VALUE'), missing(/MUSTER_TEST_VALUE is empty/))
    await assert.rejects(resolve('env:MUSTER_NO_SUCH'), missing(/MUSTER_NO_SUCH is not set/))
  })

  it('gives the content of a file without one line end', async () => {
    const path = join(directory, 'secret')
    for (const [content, value] of [
      ['a\n', 'a'],
      ['a\r\n', 'a'],
      ['a\n\n', 'a\n'],
      ['a', 'a'],
      [' a ', ' a '],
    ] as const) {
      await writeFile(path, content, { mode: 0o600 })
      assert.equal(await resolve(`file:${path}`), value)
    }
    await chmod(path, 0o644)
    assert.equal(await resolve(`file:${path}`), ' a ', 'only a warning')
  })

  it('names the file that is missing, empty, too large or none, and never waits for it', async () => {
    const path = join(directory, 'secret')
    await assert.rejects(resolve(`file:${path}`), missing(/secret does not exist/))
    await writeFile(path, '\n')
    await assert.rejects(resolve(`file:${path}`), missing(/is empty/))
    await writeFile(path, Buffer.alloc(70_000, 'x'))
    await assert.rejects(resolve(`file:${path}`), missing(/too large/))
    await assert.rejects(resolve(`file:${directory}`), missing(/not a regular file/))
    await runTool('mkfifo', [join(directory, 'pipe')])
    await assert.rejects(resolve(`file:${join(directory, 'pipe')}`), missing(/not a regular file/))
    await assert.rejects(resolve('file:relative'), missing(/relative is not an absolute path/))
  })

  it('that is no reference is not repeated: it may be the secret itself', async () => {
    await assert.rejects(resolve('hunter2'), missing(/instead of a reference/))
  })
})
