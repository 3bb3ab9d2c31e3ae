/** Failures are shown in the Temporal UI: no stack, and nothing secret in a message, down the chain of causes. */
import { DefaultFailureConverter, type PayloadConverter, type ProtoFailure } from '@temporalio/common'
import { scrub } from '../observability/scrub.ts'

class ScrubbingFailureConverter extends DefaultFailureConverter {
  override errorToFailure(error: unknown, payloadConverter: PayloadConverter): ProtoFailure {
    const failure = super.errorToFailure(error, payloadConverter)
    for (let one: ProtoFailure | null | undefined = failure; one; one = one.cause) {
      one.stackTrace = ''
      if (one.message) one.message = scrub(one.message)
    }
    return failure
  }
}

export const failureConverter = new ScrubbingFailureConverter()
