import { MusterError } from '../../domain/failures.ts'
import type { ToolExit } from '../process/process.ts'

/** What a failed decryption means: the wrong or no identity, or bytes that are not what was encrypted. */
export function explainDecryption(exit: ToolExit, identityFile: string): MusterError | undefined {
  // The path itself may contain any of the words that are looked for.
  const said = exit.stderrTail.replaceAll(identityFile, '')
  if (/no identity matched/.test(said)) {
    return new MusterError('IdentityMissing', `no identity in ${identityFile} matched any of the recipients`, {
      cause: exit,
    })
  }
  if (/passphrase/.test(said)) {
    return new MusterError('IdentityMissing', `the identity file ${identityFile} is protected by a passphrase`, {
      cause: exit,
      hint: 'decrypt it first (age -d), and name the decrypted file: --identity FILE',
    })
  }
  if (/reading ""|unknown identity type|malformed secret key|no secret keys found/.test(said)) {
    return new MusterError('IdentityMissing', `cannot read an age identity from ${identityFile}`, { cause: exit })
  }
  if (/failed to parse|illegal base64|header|payload|unexpected EOF|MAC|stanza|chunk|trailing data|intro|armor/.test(said)) {
    return new MusterError('ChecksumMismatch', 'the encrypted bytes are damaged or cut off: age refused them', {
      cause: exit,
    })
  }
  return undefined
}
