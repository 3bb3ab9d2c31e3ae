/**
 * The `service` port: a program that users are served by, controlled by whatever
 * starts it on that host. "Stopped" is what `observe` says, never what a command answered.
 */
export type ServiceState = 'running' | 'stopped'

export interface ServiceAdapter {
  readonly name: string
  observe(signal?: AbortSignal): Promise<ServiceState>
  /**
   * Returns when observed running.
   * @param mayAct asked in the moment in which it is told to: throws when somebody else has taken over meanwhile
   * @throws MusterError ServiceUnhealthy | CommandFailed | Timeout; what `mayAct` throws
   */
  start(signal?: AbortSignal, mayAct?: () => void): Promise<void>
  /** Returns when observed stopped; see `start`. @throws MusterError CommandFailed | Timeout; what `mayAct` throws */
  stop(signal?: AbortSignal, mayAct?: () => void): Promise<void>
  /** One look; `detail` is for a person. A service without a health check is healthy when running. */
  health(signal?: AbortSignal): Promise<{ readonly healthy: boolean; readonly detail: string }>
}
