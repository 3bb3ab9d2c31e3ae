import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { approvalSigner, approvalVerifier } from '../../adapters/crypto/approval-signature.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { type ApprovalStatement, approvalText } from '../../domain/approval.ts'
import { MusterError } from '../../domain/failures.ts'

const statement: ApprovalStatement = {
  format: 'muster-approval-1',
  plan: 'a'.repeat(64),
  run: 'target/shop:0191',
  person: 'bob',
  decision: 'approve',
  note: 'gesehen, "ü"',
  breakGlass: false,
  expiresAt: '2026-11-25T12:00:00.000Z',
}

describe('the approval of a person', () => {
  let folder: string
  const keyOf = async (name: string) => (await readFile(join(folder, `${name}.pub`), 'utf8')).split(' ').slice(0, 2).join(' ')
  const makeKey = (name: string, ...type: string[]) => runTool('ssh-keygen', ['-q', ...type, '-N', '', '-C', name, '-f', join(folder, name)])
  const verify = (changes: Partial<{ text: string; publicKey: string; signature: string; person: string }>, signature: string, publicKey: string) =>
    approvalVerifier.verify({ person: 'bob', publicKey, text: approvalText(statement), signature, ...changes })
  const isRefused = (error: unknown) => {
    assert.ok(error instanceof MusterError, String(error))
    assert.equal(error.type, 'ApprovalRejected', error.message)
    return true
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-approval-test-'))
    await makeKey('ed25519', '-t', 'ed25519')
    await makeKey('ecdsa', '-t', 'ecdsa')
    await makeKey('rsa', '-t', 'rsa', '-b', '2048')
    await makeKey('other', '-t', 'ed25519')
  })
  after(() => rm(folder, { recursive: true, force: true }))

  for (const type of ['ed25519', 'ecdsa', 'rsa']) {
    it(`is proven with a key of type ${type}, and names it by its fingerprint`, async () => {
      const publicKey = await keyOf(type)
      const signature = await approvalSigner.sign({ publicKey, keyFile: join(folder, type), text: approvalText(statement) })
      const { stdout } = await runTool('ssh-keygen', ['-l', '-f', join(folder, `${type}.pub`)])
      assert.equal(await verify({}, signature, publicKey), stdout.split(' ')[1])
    })
  }

  it('counts for no other plan, run, person, answer, note or expiry', async () => {
    const publicKey = await keyOf('ed25519')
    const signature = await approvalSigner.sign({ publicKey, keyFile: join(folder, 'ed25519'), text: approvalText(statement) })
    const changes: readonly Partial<ApprovalStatement>[] = [
      { plan: 'b'.repeat(64) },
      { run: 'target/shop:0192' },
      { person: 'carol' },
      { decision: 'reject' },
      { note: null },
      { breakGlass: true },
      { expiresAt: '2026-11-26T12:00:00.000Z' },
    ]
    for (const change of changes) await assert.rejects(verify({ text: approvalText({ ...statement, ...change }) }, signature, publicKey), isRefused)
  })

  it('is not proven by another key, another namespace or rubbish', async () => {
    const publicKey = await keyOf('ed25519')
    const text = approvalText(statement)
    const byOther = await approvalSigner.sign({ publicKey: await keyOf('other'), keyFile: join(folder, 'other'), text })
    const { stdout: asFile } = await runTool('ssh-keygen', ['-q', '-Y', 'sign', '-f', join(folder, 'ed25519'), '-n', 'file'], { stdin: text })
    for (const signature of [byOther, asFile, '', 'rubbish', '-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n']) {
      await assert.rejects(verify({}, signature, publicKey), isRefused)
    }
  })

  it('is signed by an agent that holds the key, without its file', async () => {
    const { agent, socket } = await startAgent(folder)
    const before = process.env['SSH_AUTH_SOCK']
    process.env['SSH_AUTH_SOCK'] = socket
    try {
      await runTool('ssh-add', ['-q', join(folder, 'ed25519')], { env: { SSH_AUTH_SOCK: socket } })
      const publicKey = await keyOf('ed25519')
      const signature = await approvalSigner.sign({ publicKey, keyFile: null, text: approvalText(statement) })
      assert.match(await verify({}, signature, publicKey), /^SHA256:/)
      await assert.rejects(approvalSigner.sign({ publicKey: await keyOf('other'), keyFile: null, text: 'x' }), /cannot sign with the SSH agent/)
    } finally {
      if (before === undefined) delete process.env['SSH_AUTH_SOCK']
      else process.env['SSH_AUTH_SOCK'] = before
      agent.kill()
    }
  })
})

async function startAgent(folder: string): Promise<{ agent: ChildProcess; socket: string }> {
  const socket = join(folder, 'agent.sock')
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  for (let tries = 0; !(await accepts(socket)); tries++) {
    if (tries > 600) throw new Error('ssh-agent did not come up')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return { agent, socket }
}

/** A socket is there a moment before anybody listens at it. */
function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
