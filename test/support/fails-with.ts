import assert from 'node:assert/strict'
import { type FailureType, MusterError } from '../../domain/failures.ts'

/** For `assert.rejects` and `assert.throws`: a failure of that type, whose message matches. */
export function failsWith(type: FailureType, message: RegExp = /./) {
  return (error: unknown): true => {
    assert.ok(error instanceof MusterError, String(error))
    assert.equal(error.type, type, error.message)
    assert.match(error.message, message)
    return true
  }
}
