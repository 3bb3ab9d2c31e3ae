/**
 * Signatures of people, by OpenSSH's own program: keys in an agent, on hardware and of every type that `ssh-keygen`
 * knows work the same way.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { approvalNamespace } from '../../domain/approval.ts'
import { MusterError } from '../../domain/failures.ts'
import { runTool } from '../process/run-tool.ts'
import type { ApprovalSigner, ApprovalVerifier } from './crypto.ts'

const secondsToVerify = 30
/** A key on hardware waits for a touch, one with a passphrase for the passphrase. */
const secondsToSign = 120
const usualNames = ['id_ed25519', 'id_ed25519_sk', 'id_ecdsa', 'id_ecdsa_sk', 'id_rsa'] as const

export const approvalVerifier: ApprovalVerifier = {
  verify: ({ person, publicKey, text, signature, signal }) =>
    inPrivateFolder(async (folder) => {
      const [allowed, signed, known] = [join(folder, 'allowed'), join(folder, 'signature'), join(folder, 'key.pub')]
      await writeFile(allowed, `${person} namespaces="${approvalNamespace}" ${publicKey}\n`, { mode: 0o600 })
      await writeFile(signed, signature, { mode: 0o600 })
      await writeFile(known, `${publicKey}\n`, { mode: 0o600 })
      await runTool('ssh-keygen', ['-Y', 'verify', '-f', allowed, '-I', person, '-n', approvalNamespace, '-s', signed], {
        stdin: text,
        timeoutSeconds: secondsToVerify,
        ...(signal && { signal }),
        explainFailure: () =>
          new MusterError('ApprovalRejected', `the signature is not one of ${person} over this answer to this plan in this run`, {
            hint: 'sign what the run waits for now: muster approve HASH',
          }),
      })
      const { stdout } = await runTool('ssh-keygen', ['-l', '-f', known], { timeoutSeconds: secondsToVerify })
      return /SHA256:\S+/.exec(stdout)?.[0] ?? ''
    }),
}

export const approvalSigner: ApprovalSigner = {
  async sign({ publicKey, keyFile, text }) {
    const file = keyFile ?? (await privateKeyOf(publicKey))
    return inPrivateFolder(async (folder) => {
      const known = join(folder, 'key.pub')
      await writeFile(known, `${publicKey}\n`, { mode: 0o600 })
      const agentSocket = process.env['SSH_AUTH_SOCK']
      // Given a public key, ssh-keygen asks the agent for the private one.
      const { stdout } = await runTool('ssh-keygen', ['-q', '-Y', 'sign', '-f', file ?? known, '-n', approvalNamespace], {
        stdin: text,
        timeoutSeconds: secondsToSign,
        env: { ...(agentSocket && { SSH_AUTH_SOCK: agentSocket }), HOME: homedir() },
        explainFailure: (exit) =>
          new MusterError('SecretMissing', `cannot sign with ${file ?? 'the SSH agent'}: ${exit.stderrTail.trim().split('\n').at(-1) ?? ''}`, {
            hint: 'load the key into your agent: ssh-add FILE; or name its file: --key FILE',
          }),
      })
      return stdout
    })
  },
}

/** The usual file of a private key whose public half is this one; null where the agent has to know it. */
async function privateKeyOf(publicKey: string): Promise<string | null> {
  const wanted = publicKey.split(/\s+/).slice(0, 2).join(' ')
  for (const name of usualNames) {
    const file = join(homedir(), '.ssh', name)
    const text = await readFile(`${file}.pub`, 'utf8').catch(() => '')
    if (text.trim().split(/\s+/).slice(0, 2).join(' ') === wanted) return file
  }
  return null
}

async function inPrivateFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-approval-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
