/**
 * The `service` port: a program that users are served by, controlled by whatever
 * starts it on that host. "Stopped" is what `observe` says, never what a command answered.
 */
export type ServiceState = 'running' | 'stopped'

export interface ServiceAdapter {
  readonly name: string
  observe(signal?: AbortSignal): Promise<ServiceState>
  /** Returns when observed running. @throws MusterError ServiceUnhealthy | CommandFailed | Timeout */
  start(signal?: AbortSignal): Promise<void>
  /** Returns when observed stopped. @throws MusterError CommandFailed | Timeout */
  stop(signal?: AbortSignal): Promise<void>
  /** One look; `detail` is for a person. A service without a health check is healthy when running. */
  health(signal?: AbortSignal): Promise<{ readonly healthy: boolean; readonly detail: string }>
}
