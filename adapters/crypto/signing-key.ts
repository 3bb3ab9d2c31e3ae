import { lstat } from 'node:fs/promises'
import { MusterError } from '../../domain/failures.ts'
import { runTool } from '../process/run-tool.ts'
import { flushFile } from './durable-file.ts'
import { readPublicKey } from './public-key.ts'

/**
 * Makes an ed25519 key without a passphrase: `path` (0600) and `path`.pub, both flushed to the disk.
 * Gives back the public key. A key is never overwritten.
 * @throws MusterError PreconditionFailed when one of the files exists or the directory cannot be written
 */
export async function createSigningKey(path: string, comment: string): Promise<string> {
  for (const file of [path, `${path}.pub`]) {
    if (!(await lstat(file).catch(() => null))) continue
    throw new MusterError('PreconditionFailed', `the key file ${file} exists already`, {
      hint: 'use it, or name a file that does not exist',
    })
  }
  // Line ends would add a second key to the .pub file.
  const safeComment = comment.replaceAll(/\p{Cc}/gu, ' ')
  await runTool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', safeComment, '-f', path], {
    timeoutSeconds: 30,
    explainFailure: (exit) =>
      new MusterError('PreconditionFailed', `cannot make the key ${path}`, {
        cause: exit,
        hint: 'its directory has to exist and to be writable for the agent',
      }),
  })
  await flushFile(path)
  await flushFile(`${path}.pub`)
  return readPublicKey(`${path}.pub`)
}
