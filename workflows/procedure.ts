/**
 * The frame of every workflow: exactly one JSON object in, strictly parsed, and failures
 * that end the run with a type of the table instead of a task that fails for ever. A plain
 * error after the parse is a defect and fails the workflow task on purpose.
 */
import type { SignalDefinition, UpdateDefinition } from '@temporalio/common'
import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, isCancellation, log, setHandler } from '@temporalio/workflow'
import type { z } from 'zod'
import { type FailureType, failures, MusterError } from '../domain/failures.ts'
import { failureOf } from './failure-of.ts'
import type { Outcome } from './progress.ts'
import { workAt } from './queues.ts'

/** What a procedure's input looks like, with one right example for error messages and the UI. */
export interface Message<T> {
  readonly schema: z.ZodType<T>
  readonly example: Record<string, unknown>
}

/** @param type name of the workflow; a parent that starts it as a child reads it from the function */
export function procedure<T, R>(type: string, message: Message<T>, run: (input: T) => Promise<R>): (...args: unknown[]) => Promise<R> {
  const workflow = async (...args: unknown[]): Promise<R> => {
    const input = parseOne(message, args)
    workAt((input as { readonly at?: string }).at)
    try {
      return await run(input)
    } catch (error) {
      throw asFailure(error)
    }
  }
  return Object.defineProperty(workflow, 'name', { value: type })
}

/** Registers an Update whose one argument is parsed before `validate` sees it; a refusal leaves no history. */
export function handleUpdate<T, R>(
  definition: UpdateDefinition<R, [T]>,
  message: Message<T>,
  description: string,
  validate: (input: T) => void,
  handle: (input: T) => R | Promise<R>,
): void {
  setHandler(definition, (input: T) => handle(parseOne(message, [input])), {
    description,
    validator: (...args: unknown[]) => {
      try {
        validate(parseOne(message, args))
      } catch (error) {
        throw asFailure(error)
      }
    },
  })
}

/** Registers a Signal whose one argument is parsed. A wrong one is left alone and logged: a Signal cannot be refused. */
export function handleSignal<T>(definition: SignalDefinition<[T]>, message: Pick<Message<T>, 'schema'>, handle: (input: T) => void): void {
  setHandler(definition, (input: T) => {
    const parsed = message.schema.safeParse(input)
    if (parsed.success) handle(parsed.data)
    else log.warn(`signal "${definition.name}" is left alone: its input is not what it takes`)
  })
}

function parseOne<T>(message: Message<T>, args: readonly unknown[]): T {
  const example = `a right input is ${JSON.stringify(message.example)}`
  const [input] = args
  if (args.length !== 1 || typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw fail('InvalidInput', `the input must be exactly one JSON object; ${example}`)
  }
  const parsed = message.schema.safeParse(input)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`)
  throw fail('InvalidInput', `${problems.join('; ')}; ${example}`)
}

/** The only kind of error a workflow throws. @param outcome what became of the run, for a parent */
export function fail(type: FailureType, message: string, cause?: unknown, outcome?: Outcome): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: true,
    details: [{ hint: failures[type].hint, exitCode: failures[type].exitCode, ...(outcome && { outcome }) }],
    ...(cause instanceof Error && { cause }),
  })
}

/** The failure that ends the run, with what the next run of its schedule has to know. */
export function failureLeaving(error: unknown, left: object): unknown {
  const failure = asFailure(error)
  if (!(failure instanceof ApplicationFailure)) return failure
  const { type, message, cause, details } = failure
  const [first, ...more] = details ?? []
  return ApplicationFailure.create({
    ...(typeof type === 'string' && { type }),
    message,
    nonRetryable: true,
    details: [{ ...(first as object | undefined), ...left }, ...more],
    ...(cause && { cause }),
  })
}

/** A failed activity or child ends the run with its own type and message, not with "Activity task failed". */
function asFailure(error: unknown): unknown {
  if (error instanceof MusterError) return fail(error.type, `${error.message}; ${error.hint}`)
  if (isCancellation(error) || !(error instanceof ActivityFailure || error instanceof ChildWorkflowFailure)) return error
  const { type, message } = failureOf(error)
  return fail(type, message)
}
