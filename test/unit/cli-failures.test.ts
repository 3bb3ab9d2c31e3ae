import assert from 'node:assert/strict'
import { ApplicationFailure } from '@temporalio/common'
import { explain } from '../../clients/cli/output.ts'

describe('what an error is to a person', () => {
  it('is no defect where a run ended while it was answered', () => {
    const server = ApplicationFailure.create({ type: 'AcceptedUpdateCompletedWorkflow', message: 'Workflow completed before the Update completed.' })
    const { type, message } = explain(new Error('Workflow Update failed', { cause: server }))
    assert.deepEqual([type, message], ['PreconditionFailed', 'the run ended before it took the answer'])
  })

  it('is a defect where nobody knows it', () => {
    assert.equal(explain(new Error('never heard of')).type, 'MusterBug')
  })
})
