/**
 * The `notifier` port: one channel to people. A failing notification is retried and
 * shown by its caller; it never fails a recovery.
 */
export interface Notice {
  readonly event: 'started' | 'succeeded' | 'failed' | 'approval-needed' | 'rolled-back' | 'alarm'
  readonly severity: 'info' | 'warning' | 'critical'
  readonly organisation: string
  readonly system: string
  readonly procedure: string
  readonly run: string
  /** One line; the answer first. */
  readonly subject: string
  /** What happened, why, what to do; plain text without secrets. */
  readonly body: string
  readonly at: string
}

export interface Notifier {
  /** `email`, `slack`, `log`. */
  readonly channel: string
  /** @throws MusterError Unreachable | CredentialsRejected | Throttled | Timeout */
  notify(notice: Notice, signal?: AbortSignal): Promise<void>
}
