/** The Temporal UI as a browser uses it: the requests that its pages send to the UI server, CSRF token and all. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface StartForm {
  readonly workflowId: string
  readonly taskQueue: string
  readonly workflowType: string
  /** The one payload of the form. */
  readonly input: Readonly<Record<string, unknown>>
}

export interface UiRun {
  readonly workflowId: string
  readonly runId: string
}

export interface TemporalUi {
  readonly url: string
  /** "Start Workflow". */
  start(form: StartForm): Promise<UiRun>
  tryStart(form: StartForm): Promise<{ readonly status: number; readonly text: string }>
  /** "Send an Update"; `failure` is what the dialog shows. */
  update(run: UiRun, name: string, argument: Readonly<Record<string, unknown>>): Promise<{ readonly failure: string | null }>
  memo(run: UiRun): Promise<Readonly<Record<string, unknown>>>
  /** Waits for the end of a run. */
  ended(run: UiRun): Promise<{ readonly outcome: string; readonly result: unknown; readonly failure: string | null }>
  /** The file of "Download", "Encoded". */
  download(run: UiRun): Promise<string>
}

interface Payload {
  readonly metadata: Readonly<Record<string, string>>
  readonly data: string
}

interface HistoryEvent {
  readonly workflowExecutionCompletedEventAttributes?: { readonly result?: { readonly payloads: readonly Payload[] } }
  readonly workflowExecutionFailedEventAttributes?: { readonly failure: { readonly message: string } }
}

interface HistoryPage {
  readonly history: { readonly events: readonly HistoryEvent[] }
  readonly nextPageToken?: string | null
}

interface Described {
  readonly workflowExecutionInfo: { readonly status: string; readonly memo?: { readonly fields?: Readonly<Record<string, Payload>> } }
}

export async function openTemporalUi(url: string): Promise<TemporalUi> {
  const cookie = ((await fetch(`${url}/`)).headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  const headers = { cookie, 'X-CSRF-TOKEN': cookie.slice('_csrf='.length), 'Caller-Type': 'operator', 'content-type': 'application/json' }
  const place = (workflowId: string) => `${url}/api/v1/namespaces/default/workflows/${encodeURIComponent(workflowId)}`
  const ask = async (address: string, body?: object) => {
    const response = await fetch(address, { headers, ...(body && { method: 'POST', body: JSON.stringify(body) }) })
    return { status: response.status, text: await response.text() }
  }
  const get = async <T>(address: string): Promise<T> => {
    const { status, text } = await ask(address)
    if (status !== 200) throw new Error(`the UI server answered ${status} to ${address}: ${text}`)
    return JSON.parse(text) as T
  }
  const ofRun = ({ runId }: UiRun) => `execution.runId=${runId}`
  const describe = (run: UiRun) => get<Described>(`${place(run.workflowId)}?${ofRun(run)}`)
  const tryStart = ({ workflowId, taskQueue, workflowType, input }: StartForm) =>
    ask(place(workflowId), {
      workflowId,
      taskQueue: { name: taskQueue },
      workflowType: { name: workflowType },
      input: { payloads: [encoded(input)] },
      searchAttributes: null,
    })

  async function history(run: UiRun): Promise<readonly HistoryEvent[]> {
    const events: HistoryEvent[] = []
    for (let token = ''; ; ) {
      const page = await get<HistoryPage>(`${place(run.workflowId)}/history?${ofRun(run)}&nextPageToken=${encodeURIComponent(token)}`)
      events.push(...page.history.events)
      if (!page.nextPageToken) return events
      token = page.nextPageToken
    }
  }

  return {
    url,
    tryStart,
    async start(form) {
      const { status, text } = await tryStart(form)
      if (status !== 200) throw new Error(`the UI server answered ${status}: ${text}`)
      return { workflowId: form.workflowId, runId: (JSON.parse(text) as { runId: string }).runId }
    },
    async update(run, name, argument) {
      const request = { meta: { updateId: crypto.randomUUID(), identity: 'someone' }, input: { args: { payloads: [encoded(argument)] } } }
      const { status, text } = await ask(`${place(run.workflowId)}/update/${name}`, { workflowExecution: { runId: run.runId }, request })
      if (status !== 200) return { failure: text }
      const { outcome } = JSON.parse(text) as { outcome?: { failure?: { message: string } } }
      return { failure: outcome?.failure?.message ?? null }
    },
    async memo(run) {
      const fields = (await describe(run)).workflowExecutionInfo.memo?.fields ?? {}
      return Object.fromEntries(Object.entries(fields).map(([name, payload]) => [name, decoded(payload)]))
    },
    async ended(run) {
      for (;;) {
        const { status } = (await describe(run)).workflowExecutionInfo
        if (status !== 'WORKFLOW_EXECUTION_STATUS_RUNNING') {
          const last = (await history(run)).at(-1)
          const [result] = last?.workflowExecutionCompletedEventAttributes?.result?.payloads ?? []
          const failure = last?.workflowExecutionFailedEventAttributes?.failure.message ?? null
          return { outcome: status, result: result ? decoded(result) : null, failure }
        }
        await sleep(100)
      }
    },
    async download(run) {
      return JSON.stringify({ events: await history(run) }, null, 2)
    },
  }
}

function encoded(value: unknown): Payload {
  return { metadata: { encoding: base64('json/plain') }, data: base64(JSON.stringify(value)) }
}

function decoded(payload: Payload): unknown {
  return JSON.parse(Buffer.from(payload.data, 'base64').toString('utf8'))
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
